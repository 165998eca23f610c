"""Digests: what is held for people until a time, and how often they want that."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment
from opsloop_common.entry import every_workspace
from opsloop_common.migrations import hold_to_workspace, replace_check_in

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

JSON = JSONB(none_as_null=True)
TOLD = ("notification", "notification_queue", "message")
STATUSES = ("pending", "sent", "failed", "cancelled")


def upgrade() -> None:
    op.create_table(
        "digest",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, comment="of messages that are gathered apart; else empty"),
        sa.Column("ends_at", Moment, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("sent_at", Moment, comment="from then on it takes nothing more"),
        sa.PrimaryKeyConstraint("id", name="pk_digest"),
        sa.UniqueConstraint(
            "workspace", "user_id", "channel", "topic", "key", "ends_at",
            name="uq_digest_workspace_user_id_channel_topic_key_ends_at",
        ),
    )  # fmt: skip
    op.create_index(
        "ix_digest_waiting", "digest", ["workspace", "ends_at"], postgresql_where=sa.text("sent_at IS NULL")
    )
    op.create_index("ix_digest_newest", "digest", ["workspace", "id"])
    hold_to_workspace("digest")
    op.add_column("notification_topic", sa.Column("digest", JSON, comment="how often, for people who said nothing"))
    op.add_column(
        "recipient",
        sa.Column(
            "digests", JSON, nullable=False, server_default=sa.text("'{}'"), comment="topic → channel → how often"
        ),
    )
    op.alter_column("recipient", "digests", server_default=None)
    op.add_column("message", sa.Column("digest_key", sa.Text, comment="tells digests of a topic apart"))
    op.add_column(
        "notification", sa.Column("digest_id", sa.Uuid, comment="the digest that it is held for, or stands in")
    )
    op.create_index(
        "ix_notification_digest", "notification", ["digest_id", "id"], postgresql_where=sa.text("digest_id IS NOT NULL")
    )
    replace_check_in("notification", "status", (*STATUSES, "gathered"))


def downgrade() -> None:
    connection = op.get_bind()
    with every_workspace(connection, *TOLD):
        connection.execute(sa.text("UPDATE notification SET status = 'sent' WHERE status = 'gathered'"))
        # the release before sends what is held by itself, at the same time
        op.execute(
            "INSERT INTO notification_queue (id, workspace, group_key, due_at, tries, is_paused) "
            "SELECT n.id, n.workspace, n.workspace, CASE WHEN m.paused_at IS NULL THEN coalesce(n.deferred_until, now()) END, "
            "0, m.paused_at IS NOT NULL FROM notification AS n JOIN message AS m ON m.workspace = n.workspace "
            "AND m.id = n.message_id WHERE n.digest_id IS NOT NULL AND n.status = 'pending'"
        )
    replace_check_in("notification", "status", STATUSES)
    op.drop_index("ix_notification_digest", "notification")
    op.drop_column("notification", "digest_id")
    op.drop_column("message", "digest_key")
    op.drop_column("recipient", "digests")
    op.drop_column("notification_topic", "digest")
    op.drop_table("digest")
