"""In-app inboxes and their entries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "in_app_inbox",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "user_id", name="pk_in_app_inbox"),
    )
    op.create_table(
        "in_app_entry",
        *versioned_columns("in_app_entry"),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("seen_at", Moment),
        sa.Column("read_at", Moment),
        sa.Column("archived_at", Moment),
        sa.Column("snoozed_until", Moment, comment="null again when the time has come"),
        sa.Column("undo_id", sa.Text, comment="of the last change of many, while nothing else changed it"),
        sa.Column("before", JSONB, comment="what it was before that"),
    )
    op.create_index("ix_in_app_entry_newest", "in_app_entry", ["workspace", "user_id", "id"])
    op.create_index("ix_in_app_entry_position", "in_app_entry", ["workspace", "user_id", "position"])
    op.create_index(
        "ix_in_app_entry_unread",
        "in_app_entry",
        ["workspace", "user_id"],
        postgresql_where=sa.text("read_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL"),
    )
    op.create_index("ix_in_app_entry_oldest", "in_app_entry", ["workspace", "created_at"])
    hold_to_workspace("in_app_inbox", "in_app_entry")


def downgrade() -> None:
    op.drop_table("in_app_entry")
    op.drop_table("in_app_inbox")
