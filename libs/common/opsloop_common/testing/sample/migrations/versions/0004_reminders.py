"""Reminders."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reminder",
        *versioned_columns("reminder"),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("remind_at", Moment, nullable=False),
        check_in("status", ("waiting", "rung", "done"), table="reminder"),
    )
    op.create_index("ix_reminder_newest", "reminder", ["workspace", "id"])
    hold_to_workspace("reminder")


def downgrade() -> None:
    op.drop_table("reminder")
