"""The first schema: feedback and its conversation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.entry import row_level_security
from opsloop_common.plumbing import steps

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime(timezone=True)


def upgrade() -> None:
    steps.upgrade_v1(op.get_bind())
    op.execute(sa.schema.CreateSequence(sa.Sequence("feedback_number", data_type=sa.BigInteger)))
    create_feedback()
    create_feedback_message()
    for table in ("feedback", "feedback_message"):
        for statement in row_level_security(table):
            op.execute(statement)


def create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, server_default=sa.text("nextval('feedback_number')"), nullable=False),
        sa.Column("version", sa.Integer, server_default="1", nullable=False),
        sa.Column("status", sa.Text, server_default="new", nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("sentiment", sa.Double, nullable=False),
        sa.Column("triage", pg.JSONB, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("author_user_id", sa.Text),
        sa.Column("author_email", sa.Text),
        sa.Column("author_name", sa.Text),
        sa.Column("rating", sa.SmallInteger),
        sa.Column("locale", sa.Text),
        sa.Column("tags", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("area", sa.Text),
        sa.Column("attributes", pg.JSONB, nullable=False),
        sa.Column("assignee", sa.Text),
        sa.Column("team", sa.Text),
        sa.Column("due_at", TIMESTAMP),
        sa.Column("occurred_at", TIMESTAMP, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.Column("first_replied_at", TIMESTAMP),
        sa.Column("resolved_at", TIMESTAMP),
        sa.Column(
            "search_text", sa.Text, nullable=False, comment="title and body as triage.rules.searchable folds them"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("workspace", "number", name="uq_feedback_workspace_number"),
        sa.CheckConstraint(
            "kind IN ('bug', 'idea', 'question', 'complaint', 'praise', 'other')", name="ck_feedback_kind"
        ),
        sa.CheckConstraint("severity IN ('s1', 's2', 's3', 's4')", name="ck_feedback_severity"),
        sa.CheckConstraint("sentiment BETWEEN -1 AND 1", name="ck_feedback_sentiment"),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="ck_feedback_rating"),
        sa.CheckConstraint(
            "status IN ('new', 'open', 'pending', 'snoozed', 'resolved', 'closed', 'merged')", name="ck_feedback_status"
        ),
    )
    op.create_index("ix_feedback_newest", "feedback", ["workspace", "created_at", "number"])
    op.create_index(
        "uq_feedback_external_id",
        "feedback",
        ["workspace", "channel", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )


def create_feedback_message() -> None:
    op.create_table(
        "feedback_message",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feedback_message"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_feedback_message_feedback_id_feedback", ondelete="CASCADE"
        ),
        sa.CheckConstraint("kind IN ('reply', 'note')", name="ck_feedback_message_kind"),
    )
    op.create_index("ix_feedback_message_newest", "feedback_message", ["feedback_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("feedback_message")
    op.drop_table("feedback")
    op.execute(sa.schema.DropSequence(sa.Sequence("feedback_number")))
    steps.downgrade_v1(op.get_bind())
