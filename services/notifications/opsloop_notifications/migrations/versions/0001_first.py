"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from opsloop_common.due.claims import due_columns
from opsloop_common.entry import every_workspace_policy, row_level_security
from opsloop_common.plumbing import steps

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
HELD = (
    "delivery",
    "delivery_attempt",
    "delivery_queue",
    "event_log",
    "event_log_counter",
    "message",
    "notification",
    "notification_queue",
    "recipient",
    "webhook",
)
DISPATCHED = ("delivery", "delivery_attempt", "delivery_queue", "notification", "notification_queue", "webhook")
READ_OVER_WORKSPACES = ("event_log", "event_log_counter", "message")


def upgrade() -> None:
    steps.upgrade_v1(op.get_bind())
    _create_delivery()
    _create_delivery_attempt()
    _create_delivery_queue()
    _create_event_log()
    _create_event_log_counter()
    _create_message()
    _create_notification()
    _create_notification_queue()
    _create_recipient()
    _create_webhook()
    for table in HELD:
        for statement in row_level_security(table):
            op.execute(statement)
    for table in DISPATCHED:
        for statement in every_workspace_policy(table):
            op.execute(statement)
    for table in READ_OVER_WORKSPACES:
        for statement in every_workspace_policy(table, command="SELECT"):
            op.execute(statement)


def _create_delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("webhook_id", sa.Uuid, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("attempt_count", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.CheckConstraint("status IN ('pending', 'succeeded', 'failed', 'cancelled')", name="ck_delivery_status"),
        sa.UniqueConstraint("webhook_id", "event_id", name="uq_delivery_webhook_id_event_id"),
    )
    op.create_index("ix_delivery_webhook_id_id", "delivery", ["webhook_id", "id"])


def _create_delivery_attempt() -> None:
    op.create_table(
        "delivery_attempt",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("attempted_at", MOMENT, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("status_code", sa.Integer, nullable=True),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("detail", sa.Text, nullable=True),
        sa.Column("request_headers", JSONB, nullable=False),
        sa.Column("response_body", sa.Text, nullable=True),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_attempt"),
        sa.UniqueConstraint("delivery_id", "number", name="uq_delivery_attempt_delivery_id_number"),
    )


def _create_delivery_queue() -> None:
    op.create_table(
        "delivery_queue",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        *due_columns(),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_queue"),
    )
    for statement in _due_indexes("delivery_queue"):
        op.execute(statement)


def _create_event_log() -> None:
    op.create_table(
        "event_log",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "position", name="pk_event_log"),
        sa.UniqueConstraint("workspace", "event_id", name="uq_event_log_workspace_event_id"),
    )


def _create_event_log_counter() -> None:
    op.create_table(
        "event_log_counter",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("forgotten", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("workspace", name="pk_event_log_counter"),
    )


def _create_message() -> None:
    op.create_table(
        "message",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("campaign_id", sa.Uuid, nullable=True),
        sa.Column("contents", JSONB, nullable=False),
        sa.Column("cause", JSONB, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "id", name="pk_message"),
    )


def _create_notification() -> None:
    op.create_table(
        "notification",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("campaign_id", sa.Uuid, nullable=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=True),
        sa.Column("locale", sa.Text, nullable=True, comment="of the content that was chosen"),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("detail", sa.Text, nullable=True),
        sa.Column("attempt_count", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
        sa.CheckConstraint("(status = 'failed') = (reason IS NOT NULL)", name="ck_notification_reason"),
        sa.CheckConstraint("status IN ('pending', 'sent', 'failed')", name="ck_notification_status"),
        sa.UniqueConstraint("workspace", "message_id", "user_id", name="uq_notification_workspace_message_id_user_id"),
    )
    op.create_index("ix_notification_campaign_id", "notification", ["campaign_id", "id"])
    op.create_index("ix_notification_workspace", "notification", ["workspace", "id"])


def _create_notification_queue() -> None:
    op.create_table(
        "notification_queue",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        *due_columns(),
        sa.PrimaryKeyConstraint("id", name="pk_notification_queue"),
    )
    for statement in _due_indexes("notification_queue"):
        op.execute(statement)


def _create_recipient() -> None:
    op.create_table(
        "recipient",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=True),
        sa.Column("locale", sa.Text, nullable=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "user_id", name="pk_recipient"),
    )


def _create_webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("event_types", ARRAY(sa.Text), nullable=False),
        sa.Column("filter", JSONB, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("ordering", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("disabled_reason", sa.Text, nullable=True),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("previous_secret", sa.Text, nullable=True),
        sa.Column("previous_expires_at", MOMENT, nullable=True),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
        sa.CheckConstraint("cardinality(event_types) > 0", name="ck_webhook_event_types"),
        sa.CheckConstraint("status IN ('enabled', 'disabled', 'deleted')", name="ck_webhook_status"),
    )
    op.create_index("ix_webhook_workspace", "webhook", ["workspace", "id"])


def downgrade() -> None:
    for table in HELD:
        op.drop_table(table)
    steps.downgrade_v1(op.get_bind())


def _due_indexes(table: str) -> list[str]:
    waiting = "WHERE owner IS NULL AND due_at IS NOT NULL"
    return [
        f'CREATE INDEX ix_{table}_due ON "{table}" (group_key, priority DESC, due_at) {waiting}',
        f'CREATE INDEX ix_{table}_due_at ON "{table}" (due_at) {waiting}',
        f'CREATE INDEX ix_{table}_claimed ON "{table}" (group_key) WHERE owner IS NOT NULL',
    ]
