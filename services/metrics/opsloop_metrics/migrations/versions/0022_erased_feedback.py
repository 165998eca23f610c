"""Which posts were erased: nobody quotes them again."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.migrations import hold_to_workspace

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erased_feedback",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "feedback_id", name="pk_erased_feedback"),
    )
    hold_to_workspace("erased_feedback")


def downgrade() -> None:
    op.drop_table("erased_feedback")
