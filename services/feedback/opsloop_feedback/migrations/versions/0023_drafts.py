"""What somebody has begun to write about a post."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in
from opsloop_common.migrations import hold_to_workspace

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feedback_draft",
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("actor", sa.Text, nullable=False, comment="whose it is"),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("feedback_id", "actor", name="pk_feedback_draft"),
        check_in("kind", ("reply", "note"), table="feedback_draft"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_feedback_draft_feedback_id_feedback", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_feedback_draft_actor", "feedback_draft", ["workspace", "actor"])
    hold_to_workspace("feedback_draft")


def downgrade() -> None:
    op.drop_table("feedback_draft")
