"""What posts are found by, and how rare it is; what a workspace calls one thing; posts that stand for others."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import versioned_columns
from opsloop_common.entry import every_workspace
from opsloop_common.migrations import hold_to_workspace

revision = "0008"
down_revision = "0007"
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
        sa.Column("is_hidden", sa.Boolean, nullable=False, comment="like nothing: another stands for it"),
        sa.Column(
            "is_repeat", sa.Boolean, nullable=False, comment="and says the same, so that no term leads to it either"
        ),
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
    op.add_column(
        "feedback",
        sa.Column("merged_into_id", sa.Uuid, comment="who stands for it; never one that another stands for"),
    )
    op.add_column(
        "feedback",
        sa.Column(
            "affected_users",
            sa.Integer,
            server_default="1",
            nullable=False,
            comment="distinct authors of it and of all that it stands for",
        ),
    )
    op.alter_column("feedback", "affected_users", server_default=None)
    with every_workspace(op.get_bind(), "feedback"):  # the rows that there are refer to nothing, which is looked at
        op.create_foreign_key("fk_feedback_merged_into_id_feedback", "feedback", "feedback", ["merged_into_id"], ["id"])
    op.create_check_constraint(
        op.f("ck_feedback_merged"), "feedback", "(status = 'merged') = (merged_into_id IS NOT NULL)"
    )
    op.create_check_constraint(op.f("ck_feedback_merged_into_itself"), "feedback", "merged_into_id <> id")
    op.create_check_constraint(op.f("ck_feedback_affected_users"), "feedback", "affected_users >= 0")
    op.create_index(
        "ix_feedback_merged_into",
        "feedback",
        ["workspace", "merged_into_id"],
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.create_table(
        "feedback_merge",
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("into_id", sa.Uuid, nullable=False),
        sa.Column("status_before", sa.Text, nullable=False),
        sa.Column("is_automatic", sa.Boolean, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_feedback_merge"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_feedback_merge_feedback_id_feedback", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["into_id"], ["feedback.id"], name="fk_feedback_merge_into_id_feedback", ondelete="CASCADE"
        ),
        sa.CheckConstraint("feedback_id <> into_id", name="ck_feedback_merge_itself"),
    )
    op.create_index("ix_feedback_merge_into", "feedback_merge", ["workspace", "into_id"])
    hold_to_workspace(
        "feedback_merge", "synonym_group", "indexed_feedback", "feedback_token", "token_df", "token_df_change"
    )


def downgrade() -> None:
    for table in (
        "feedback_merge",
        "synonym_group",
        "token_df_change",
        "token_df",
        "feedback_token",
        "indexed_feedback",
    ):
        op.drop_table(table)
    op.drop_index("ix_feedback_merged_into", "feedback")
    for check in ("affected_users", "merged_into_itself", "merged"):
        op.drop_constraint(op.f(f"ck_feedback_{check}"), "feedback", type_="check")
    op.drop_constraint("fk_feedback_merged_into_id_feedback", "feedback", type_="foreignkey")
    op.drop_column("feedback", "affected_users")
    op.drop_column("feedback", "merged_into_id")
