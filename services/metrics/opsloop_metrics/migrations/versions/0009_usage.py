"""Questions about usage, churn and what is next can be kept."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import every_workspace
from opsloop_common.migrations import replace_check_in

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KINDS = ("trends", "active-users", "funnel", "retention", "lifecycle", "stickiness", "paths", "sessions")
NEW = ("usage", "churn", "next-best")


def upgrade() -> None:
    replace_check_in("saved_insight", "kind", KINDS + NEW)


def downgrade() -> None:
    # a dashboard's tile of a question that is gone is left out
    with every_workspace(op.get_bind(), "saved_insight"):
        op.execute(sa.text("DELETE FROM saved_insight WHERE kind = ANY(:kinds)").bindparams(kinds=list(NEW)))
    replace_check_in("saved_insight", "kind", KINDS)
