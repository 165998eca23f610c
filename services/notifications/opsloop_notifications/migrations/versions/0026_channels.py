"""Channels: chats, SMS and Web Push; where people are reached by them; what waits to be said, and what was tried."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.due.claims import create_due_indexes, due_columns
from opsloop_common.entry import every_workspace, every_workspace_policy
from opsloop_common.migrations import hold_to_workspace

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLES = ("channel", "contact", "call_queue", "call_attempt")
KINDS = ("slack", "teams", "feishu", "dingtalk", "wecom", "web_push", "sms_http")


def upgrade() -> None:
    _create_channel()
    _create_contact()
    _create_queue()
    _create_attempt()
    hold_to_workspace(*TABLES)
    for table in TABLES:
        for statement in every_workspace_policy(table):
            op.execute(statement)


def _create_channel() -> None:
    op.create_table(
        "channel",
        *versioned_columns("channel"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False, comment="of what stands on buttons"),
        sa.Column("url", sa.Text, comment="as it is shown: without its path"),
        sa.Column("sealed_url", sa.Text),
        sa.Column("sealed_secret", sa.Text, comment="of a bot, or the private key of Web Push"),
        sa.Column("sealed_headers", sa.Text),
        sa.Column("header_names", ARRAY(sa.Text), nullable=False),
        sa.Column("public_key", sa.Text),
        sa.Column("subject_address", sa.Text, comment="whom push services may write to"),
        sa.Column("sms", JSONB(none_as_null=True), comment="what is sent, and how the answer is read"),
        sa.Column("rate_limit", sa.Integer),
        check_in("kind", KINDS, table="channel"),
        check_in("status", ("enabled", "disabled"), table="channel"),
        check_in("language", ("en", "zh"), table="channel"),
        sa.CheckConstraint("rate_limit > 0", name="ck_channel_rate_limit"),
        sa.CheckConstraint("(kind = 'web_push') = (public_key IS NOT NULL)", name="ck_channel_public_key"),
    )
    op.create_index("ix_channel_workspace", "channel", ["workspace", "id"])


def _create_contact() -> None:
    op.create_table(
        "contact",
        *versioned_columns("contact"),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel_id", sa.Uuid),
        sa.Column(
            "address", sa.Text, nullable=False, comment="a number, how a chat calls them, or a browser's push service"
        ),
        sa.Column("sealed_keys", sa.Text, comment="of a browser"),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name="fk_contact_channel_id_channel", ondelete="CASCADE"
        ),
        check_in("kind", ("phone", "chat", "push"), table="contact"),
        sa.CheckConstraint("(kind = 'phone') = (channel_id IS NULL)", name="ck_contact_channel_id"),
        sa.CheckConstraint("(kind = 'push') = (sealed_keys IS NOT NULL)", name="ck_contact_sealed_keys"),
    )
    one, device = sa.text("kind <> 'push'"), sa.text("kind = 'push'")
    op.create_index("uq_contact_one", "contact", ["workspace", "user_id", "kind"], unique=True, postgresql_where=one)
    op.create_index(
        "uq_contact_device", "contact", ["workspace", sa.text("md5(address)")], unique=True, postgresql_where=device
    )
    op.create_index("ix_contact_user_id", "contact", ["workspace", "user_id"])
    op.create_index("ix_contact_channel_id", "contact", ["channel_id"])


def _create_queue() -> None:
    op.create_table(
        "call_queue",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("is_paused", sa.Boolean, nullable=False, comment="with its message; then it is due at no time"),
        sa.Column("not_before", Moment, comment="the person is left alone until then"),
        *due_columns(),
        sa.PrimaryKeyConstraint("id", name="pk_call_queue"),
    )
    for statement in create_due_indexes("call_queue"):
        op.execute(statement)
    op.create_index("ix_call_queue_message_id", "call_queue", ["workspace", "message_id"])


def _create_attempt() -> None:
    op.create_table(
        "call_attempt",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("notification_id", sa.Uuid, nullable=False),
        sa.Column("channel_id", sa.Uuid, nullable=False),
        sa.Column("contact_id", sa.Uuid),
        sa.Column("attempted_at", Moment, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("status_code", sa.Integer),
        sa.Column("failure", sa.Text, comment="why no answer came"),
        sa.Column("detail", sa.Text, comment="in the provider's words"),
        sa.Column("provider_id", sa.Text, comment="how the provider calls what it took"),
        sa.PrimaryKeyConstraint("id", name="pk_call_attempt"),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notification.id"],
            name="fk_call_attempt_notification_id_notification",
            ondelete="CASCADE",
        ),
        check_in("outcome", ("sent", "failed", "later", "gone"), table="call_attempt"),
    )
    op.create_index("ix_call_attempt_notification_id", "call_attempt", ["notification_id", "id"])


def downgrade() -> None:
    # the release before calls nobody, and would leave them waiting for ever
    with every_workspace(op.get_bind(), "notification"):
        op.execute(
            "UPDATE notification SET status = 'cancelled', finished_at = now() "
            "WHERE status = 'pending' AND channel IN ('chat', 'sms', 'push')"
        )
        op.execute("DELETE FROM notification WHERE reason = 'channel_not_configured'")
    for table in reversed(TABLES):
        op.drop_table(table)
