"""Questions about experience can be kept."""

from opsloop_common.migrations import replace_check_in

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BEFORE = ("trends", "active-users", "funnel", "retention", "lifecycle", "stickiness", "paths", "sessions")


def upgrade() -> None:
    replace_check_in("saved_insight", "kind", (*BEFORE, "experience"))


def downgrade() -> None:
    replace_check_in("saved_insight", "kind", BEFORE)
