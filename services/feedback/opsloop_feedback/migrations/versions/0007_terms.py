"""What posts are found by, and how rare it is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TOKEN = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "indexed_feedback",
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("tok", pg.ARRAY(sa.Text), nullable=False, comment="each term once, those of the title first"),
        sa.Column("in_title", sa.SmallInteger, nullable=False),
        sa.Column("is_denial", sa.Boolean, nullable=False),
        sa.Column("likeness", sa.LargeBinary, comment="what repeats have in common"),
        sa.Column("is_hidden", sa.Boolean, nullable=False, comment="found by nothing: another stands for it"),
        sa.Column("engine", sa.Integer, nullable=False, comment="the rules by which it was read"),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_indexed_feedback"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_indexed_feedback_feedback_id_feedback", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_indexed_feedback_likeness",
        "indexed_feedback",
        ["workspace", "likeness", "feedback_id"],
        postgresql_where=sa.text("likeness IS NOT NULL"),
    )
    op.create_table(
        "feedback_token",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("token", TOKEN, nullable=False),
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "token", "feedback_id", name="pk_feedback_token"),
    )
    op.create_table(
        "token_df",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("token", TOKEN, nullable=False),
        sa.Column("posts", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "token", name="pk_token_df"),
    )
    op.create_table(
        "token_df_change",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("tokens", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("changes", pg.ARRAY(sa.Integer), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_token_df_change"),
    )
    op.create_index("ix_token_df_change_oldest", "token_df_change", ["workspace", "id"])
    op.create_table(
        "synonym_group",
        *versioned_columns("synonym_group"),
        sa.Column("terms", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("job_id", sa.Uuid, comment="reads all posts again, since this was last changed"),
    )
    op.create_index("ix_synonym_group_newest", "synonym_group", ["workspace", "id"])
    hold_to_workspace("synonym_group", "indexed_feedback", "feedback_token", "token_df", "token_df_change")


def downgrade() -> None:
    for table in ("synonym_group", "token_df_change", "token_df", "feedback_token", "indexed_feedback"):
        op.drop_table(table)
