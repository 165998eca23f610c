"""Lists have orders, each with its index."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# as PostgreSQL writes it: what is promised for no time comes after all that is
DUE = "coalesce(due_at, '9999-12-31 00:00:00+00'::timestamp with time zone)"
ORDERS = {"updated": "updated_at", "due": sa.text(DUE), "severity": "severity", "affected": "affected_users"}


def upgrade() -> None:
    for name, column in ORDERS.items():
        op.create_index(f"ix_feedback_{name}", "feedback", ["workspace", column, "number"])


def downgrade() -> None:
    for name in ORDERS:
        op.drop_index(f"ix_feedback_{name}", "feedback")
