"""Posts are found by their author: for lists, and when somebody is erased."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_feedback_author_user_id",
        "feedback",
        ["workspace", "author_user_id"],
        postgresql_where=sa.text("author_user_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_feedback_author_user_id", "feedback")
