"""An incident keeps the time whose value it is, and the one to compare it with."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

COLUMNS = {
    "over_from": "the time whose value it is; null: ever since",
    "over_to": "null in incidents from before it was kept",
    "beside_from": "the time to compare it with",
    "beside_to": None,
}


def upgrade() -> None:
    for name, comment in COLUMNS.items():
        op.add_column("incident", sa.Column(name, Moment, comment=comment))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("incident", name)
