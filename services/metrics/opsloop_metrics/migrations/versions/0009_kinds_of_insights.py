"""Attributions and tables of values can be kept as saved insights."""

from alembic import op

from opsloop_common.entry import every_workspace
from opsloop_common.migrations import replace_check_in

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BEFORE = ("trends", "active-users", "funnel", "retention", "lifecycle", "stickiness", "paths", "sessions")
KINDS = (*BEFORE, "attribution", "breakdown")


def upgrade() -> None:
    replace_check_in("saved_insight", "kind", KINDS)


def downgrade() -> None:
    with every_workspace(op.get_bind(), "saved_insight"):
        op.execute("DELETE FROM saved_insight WHERE kind IN ('attribution', 'breakdown')")
    replace_check_in("saved_insight", "kind", BEFORE)
