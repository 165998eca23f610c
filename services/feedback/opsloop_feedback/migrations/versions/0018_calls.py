"""Calls, and who is to be called back."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call",
        *versioned_columns("call"),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("duration_seconds", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("user_id", "phone", "name", "summary")),
        sa.Column("feedback_id", sa.Uuid),
        sa.Column("assignee", sa.Text, comment="who is to call back"),
        sa.Column("callback_due_at", Moment),
        sa.Column("called_back_at", Moment),
        sa.Column("source", sa.Text, nullable=False, comment="who says so: the source of the key"),
        sa.Column("external_id", sa.Text),
        check_in("direction", ("inbound", "outbound"), table="call"),
        check_in("outcome", ("answered", "missed", "voicemail", "busy", "failed"), table="call"),
        sa.CheckConstraint("duration_seconds BETWEEN 0 AND 86400", name="ck_call_duration_seconds"),
        sa.CheckConstraint("called_back_at IS NULL OR callback_due_at IS NOT NULL", name="ck_call_called_back"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_call_feedback_id_feedback", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_call_workspace_started_at", "call", ["workspace", "started_at", "id"])
    is_open = sa.text("callback_due_at IS NOT NULL AND called_back_at IS NULL")
    op.create_index("ix_call_due", "call", ["workspace", "callback_due_at", "id"], postgresql_where=is_open)
    op.create_index("ix_call_feedback_id", "call", ["feedback_id"])
    named = sa.text("user_id IS NOT NULL")
    op.create_index("ix_call_user_id", "call", ["workspace", "user_id"], postgresql_where=named)
    own = {"unique": True, "postgresql_where": sa.text("external_id IS NOT NULL")}
    op.create_index("uq_call_external_id", "call", ["workspace", "source", "external_id"], **own)
    hold_to_workspace("call")


def downgrade() -> None:
    op.drop_table("call")
