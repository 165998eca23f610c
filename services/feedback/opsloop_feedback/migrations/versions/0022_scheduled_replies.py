"""Replies that are said later."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scheduled_reply",
        *versioned_columns("scheduled_reply"),
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("send_at", Moment, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("held_because", sa.Text),
        sa.Column(
            "was_finished", sa.Boolean, nullable=False, comment="whether its post was when somebody last said when"
        ),
        sa.Column("message_id", sa.Uuid, comment="what it became"),
        sa.Column("actor", sa.Text, nullable=False, comment="who said last what and when"),
        check_in("status", ("waiting", "sent", "held"), table="scheduled_reply"),
        check_in("held_because", ("finished",), table="scheduled_reply"),
        sa.CheckConstraint("(status = 'sent') = (message_id IS NOT NULL)", name="ck_scheduled_reply_sent"),
        sa.CheckConstraint("(status = 'held') = (held_because IS NOT NULL)", name="ck_scheduled_reply_held"),
        sa.UniqueConstraint("message_id", name="uq_scheduled_reply_message_id"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_scheduled_reply_feedback_id_feedback", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_scheduled_reply_feedback_id", "scheduled_reply", ["feedback_id", "send_at", "id"])
    unsent = sa.text("status <> 'sent'")
    op.create_index("ix_scheduled_reply_unsent", "scheduled_reply", ["workspace"], postgresql_where=unsent)
    hold_to_workspace("scheduled_reply")


def downgrade() -> None:
    op.drop_table("scheduled_reply")
