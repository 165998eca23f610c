"""How authors are reached, as posts say it; and posts are found by an address alone, for lists and when somebody is erased."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in
from opsloop_common.migrations import hold_to_workspace

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "author",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("locale", sa.Text),
        sa.Column("full_name", sa.Text),
        sa.Column("said_at", Moment, nullable=False),
        sa.Column("feedback_id", sa.Uuid, nullable=False, comment="the post that said it first, as it is now"),
        sa.PrimaryKeyConstraint("workspace", "user_id", "source", "said_by", name="pk_author"),
        check_in("said_by", ("server", "user", "visitor"), table="author"),
    )
    hold_to_workspace("author")
    op.create_index(
        "ix_feedback_author_email",
        "feedback",
        ["workspace", sa.text("lower(author_email)")],
        postgresql_where=sa.text("author_email IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_feedback_author_email", "feedback")
    op.drop_table("author")
