"""Forms, what became of what was sent by them, and chats."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "form",
        *versioned_columns("form"),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("area", sa.Text),
        sa.Column("tags", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("accent", sa.Text),
        sa.Column("texts", pg.JSONB, nullable=False),
        sa.Column("fields", pg.JSONB, nullable=False),
        sa.UniqueConstraint("workspace", "slug", name="uq_form_workspace_slug"),
    )
    op.create_index("ix_form_workspace_id", "form", ["workspace", "id"])
    op.create_table(
        "form_day",
        sa.Column("form_id", sa.Uuid, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        check_in("outcome", ("received", "honeypot", "too_fast"), table="form_day"),
        sa.PrimaryKeyConstraint("form_id", "day", "outcome", name="pk_form_day"),
        sa.ForeignKeyConstraint(["form_id"], ["form.id"], name="fk_form_day_form_id_form", ondelete="CASCADE"),
    )
    create_chat()
    hold_to_workspace("form", "form_day", "chat")


def create_chat() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "chat",
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("team_id", sa.Uuid, comment="of a team that may be gone"),
        sa.Column("said", sa.Integer, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("visitor_typed_at", moment),
        sa.Column("staff_typed_at", moment),
        sa.Column("ended_at", moment),
        sa.CheckConstraint("said BETWEEN 1 AND 500", name="ck_chat_said"),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_chat"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_chat_feedback_id_feedback", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_chat_workspace_open", "chat", ["workspace", "started_at"], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("ix_chat_workspace_newest", "chat", ["workspace", "feedback_id"])


def downgrade() -> None:
    for table in ("chat", "form_day", "form"):
        op.drop_table(table)
