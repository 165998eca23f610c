"""Alerts: what fires, by which rules, told to whom in which groups, and what is kept quiet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from opsloop_common.columns import check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = (
    "alert",
    "alert_entry",
    "alert_group",
    "alert_member",
    "alert_notice",
    "alert_route",
    "alert_rule",
    "inhibition_rule",
    "silence",
)
_STATUSES = ("firing", "resolved")
_KINDS = ("fired", "flapping", "resolved", "acknowledged", "unacknowledged", "assigned", "noted", "notified")


def text(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text, nullable=null)


def document(name: str) -> sa.Column:
    return sa.Column(name, JSONB(none_as_null=True), nullable=False)


def moment(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, MOMENT, nullable=null)


def texts(name: str) -> sa.Column:
    return sa.Column(name, ARRAY(sa.Text), nullable=False)


def upgrade() -> None:
    _create_alert()
    _create_alert_entry()
    _create_alert_route()
    _create_alert_groups()
    _create_alert_rule()
    _create_silences()
    hold_to_workspace(*TABLES)
    op.execute(
        "CREATE FUNCTION alert_entry_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log of an alert is not changed'; END $$"
    )
    op.execute(
        "CREATE TRIGGER alert_entry_stays BEFORE UPDATE ON alert_entry FOR EACH ROW EXECUTE FUNCTION alert_entry_stays()"
    )


def _create_alert() -> None:
    op.create_table(
        "alert",
        *versioned_columns("alert"),
        text("fingerprint"),
        text("name"),
        text("severity", null=True),
        document("labels"),
        document("annotations"),
        text("generator_url"),
        text("event_type", null=True),
        text("incident", null=True),
        text("status"),
        moment("starts_at"),
        moment("ends_at", null=True),
        sa.Column("flapping", sa.Boolean(), nullable=False),
        moment("held_at", null=True),
        moment("resolved_at", null=True),
        sa.Column("firings", sa.Integer, nullable=False),
        sa.Column("fired_at", ARRAY(MOMENT), nullable=False),
        moment("acknowledged_at", null=True),
        text("acknowledged_by", null=True),
        text("assignee", null=True),
        check_in("status", _STATUSES, table="alert"),
        sa.UniqueConstraint("workspace", "fingerprint", name="uq_alert_workspace_fingerprint"),
    )
    op.create_index("ix_alert_workspace_id", "alert", ["workspace", "id"])
    op.create_index("ix_alert_workspace_status_id", "alert", ["workspace", "status", "id"])
    op.create_index("ix_alert_workspace_incident", "alert", ["workspace", "incident"])


def _create_alert_entry() -> None:
    op.create_table(
        "alert_entry",
        sa.Column("id", sa.Uuid, nullable=False),
        text("workspace"),
        sa.Column("alert_id", sa.Uuid, nullable=False),
        text("kind"),
        moment("at"),
        text("actor"),
        text("note", null=True),
        document("detail"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_entry"),
        check_in("kind", _KINDS, table="alert_entry"),
    )
    op.create_index("ix_alert_entry_alert_id_id", "alert_entry", ["alert_id", "id"])
    op.create_index("ix_alert_entry_workspace_at", "alert_entry", ["workspace", "at"])


def _create_alert_route() -> None:
    op.create_table(
        "alert_route",
        *versioned_columns("alert_route"),
        text("name"),
        sa.Column("position", sa.Integer, nullable=False),
        document("matchers"),
        texts("group_by"),
        sa.Column("group_wait", sa.Interval, nullable=False),
        sa.Column("group_interval", sa.Interval, nullable=False),
        sa.Column("repeat_interval", sa.Interval, nullable=False),
        sa.Column("receiver", sa.Uuid, nullable=True),
        sa.Column("goes_on", sa.Boolean, nullable=False),
        sa.Column("send_resolved", sa.Boolean, nullable=False),
        document("mute_times"),
        sa.CheckConstraint("group_wait >= interval '0' AND group_interval > interval '0'", name="ck_alert_route_waits"),
    )
    op.create_index("ix_alert_route_workspace_position", "alert_route", ["workspace", "position", "id"])


def _create_alert_groups() -> None:
    op.create_table(
        "alert_group",
        sa.Column("id", sa.Uuid, nullable=False),
        text("workspace"),
        text("key"),
        sa.Column("route_id", sa.Uuid, nullable=True),
        document("labels"),
        moment("looks_at"),
        sa.Column("was_looked_at", sa.Boolean, nullable=False),
        moment("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_group"),
        sa.UniqueConstraint("workspace", "key", name="uq_alert_group_workspace_key"),
    )
    op.create_table(
        "alert_member",
        sa.Column("group_id", sa.Uuid, nullable=False),
        sa.Column("alert_id", sa.Uuid, nullable=False),
        text("workspace"),
        sa.PrimaryKeyConstraint("group_id", "alert_id", name="pk_alert_member"),
    )
    op.create_table(
        "alert_notice",
        text("workspace"),
        text("group_key"),
        sa.Column("receiver", sa.Uuid, nullable=False),
        texts("firing"),
        texts("resolved"),
        moment("at"),
        sa.Column("delivery_id", sa.Uuid, nullable=True),
        sa.Column("ended_ids", ARRAY(sa.Uuid), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "group_key", "receiver", name="pk_alert_notice"),
    )
    op.create_index("ix_alert_notice_workspace_at", "alert_notice", ["workspace", "at"])


def _create_alert_rule() -> None:
    op.create_table(
        "alert_rule",
        *versioned_columns("alert_rule"),
        text("name"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        texts("event_types"),
        texts("resolve_types"),
        document("when"),
        document("labels"),
        document("labels_from"),
        document("annotations"),
        document("annotations_from"),
        text("incident_from", null=True),
        sa.Column("resolve_after", sa.Interval, nullable=True),
        sa.CheckConstraint("cardinality(event_types) > 0", name="ck_alert_rule_event_types"),
        sa.UniqueConstraint("workspace", "name", name="uq_alert_rule_workspace_name"),
    )


def _create_silences() -> None:
    op.create_table(
        "silence",
        *versioned_columns("silence"),
        document("matchers"),
        moment("starts_at"),
        moment("ends_at"),
        text("comment"),
        text("created_by"),
        sa.CheckConstraint("starts_at <= ends_at", name="ck_silence_span"),
    )
    op.create_index("ix_silence_workspace_id", "silence", ["workspace", "id"])
    op.create_index("ix_silence_workspace_ends_at", "silence", ["workspace", "ends_at"])
    op.create_table(
        "inhibition_rule",
        *versioned_columns("inhibition_rule"),
        text("name"),
        document("source"),
        document("target"),
        texts("equal"),
    )
    op.create_index("ix_inhibition_rule_workspace_id", "inhibition_rule", ["workspace", "id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION alert_entry_stays()")
