"""Files that posts and messages name."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import check_in
from opsloop_common.migrations import hold_to_workspace

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False, comment="who uploaded it: the source of the key"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False, comment="by its content"),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("picture", sa.Text, nullable=False, comment="whether there is a small picture of it"),
        sa.Column("feedback_id", sa.Uuid),
        sa.Column("message_id", sa.Uuid),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attachment"),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_attachment_feedback_id_feedback"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["feedback_message.id"], name="fk_attachment_message_id_feedback_message"
        ),
        check_in("state", ("arriving", "kept", "removed"), table="attachment"),
        check_in("picture", ("none", "due", "made"), table="attachment"),
        sa.CheckConstraint("bytes > 0", name="ck_attachment_bytes"),
        sa.CheckConstraint("message_id IS NULL OR feedback_id IS NOT NULL", name="ck_attachment_message_of_feedback"),
        sa.CheckConstraint("feedback_id IS NULL OR state = 'kept'", name="ck_attachment_named_is_kept"),
    )
    for name, columns, where in (
        ("feedback_id", ["feedback_id", "id"], "feedback_id IS NOT NULL"),
        ("message_id", ["message_id"], "message_id IS NOT NULL"),
        ("unnamed", ["workspace", "id"], "feedback_id IS NULL"),
        ("picture_due", ["workspace", "id"], "picture = 'due'"),
    ):
        op.create_index(f"ix_attachment_{name}", "attachment", columns, postgresql_where=sa.text(where))
    op.create_table(
        "attachment_usage",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace", name="pk_attachment_usage"),
        sa.CheckConstraint("bytes >= 0", name="ck_attachment_usage_bytes"),
    )
    hold_to_workspace("attachment", "attachment_usage")


def downgrade() -> None:
    op.drop_table("attachment_usage")
    op.drop_table("attachment")
