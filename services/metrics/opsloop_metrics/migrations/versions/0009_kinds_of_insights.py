"""More kinds of insights can be kept."""

from alembic import op
from sqlalchemy import bindparam, text

from opsloop_common.entry import every_workspace
from opsloop_common.migrations import replace_check_in

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BEFORE = ("trends", "active-users", "funnel", "retention", "lifecycle", "stickiness", "paths", "sessions")
SINCE = ("experience", "attribution", "breakdown", "usage", "churn", "next-best", "revenue")


def upgrade() -> None:
    replace_check_in("saved_insight", "kind", (*BEFORE, *SINCE))


def downgrade() -> None:
    with every_workspace(op.get_bind(), "saved_insight"):
        op.execute(
            text("DELETE FROM saved_insight WHERE kind IN :since").bindparams(bindparam("since", SINCE, expanding=True))
        )
    replace_check_in("saved_insight", "kind", BEFORE)
