"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from opsloop_common.entry import every_workspace_policy, row_level_security
from opsloop_common.plumbing import steps

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("domain_event", "kpi", "kpi_value", "monitor", "evaluation", "incident")
READ_OVER_WORKSPACES = ("incident",)


def moment(name: str, *, nullable: bool = False, comment: str | None = None) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)


def upgrade() -> None:
    steps.upgrade_v1(op.get_bind())
    create_domain_event()
    create_kpi()
    create_monitor()
    create_incident()
    for table in TABLES:
        for statement in row_level_security(table):
            op.execute(statement)
    for table in READ_OVER_WORKSPACES:
        for statement in every_workspace_policy(table, command="SELECT"):
            op.execute(statement)


def create_domain_event() -> None:
    op.create_table(
        "domain_event",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        moment("at"),
        moment("received_at"),
        sa.Column("user_id", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("correlationid", sa.Text, nullable=False),
        sa.Column("causationdepth", sa.Integer, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("data", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "event_id", name="pk_domain_event"),
    )
    op.create_index("ix_domain_event_type_at", "domain_event", ["workspace", "type", "at"])


def create_kpi() -> None:
    op.create_table(
        "kpi",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("unit", sa.Text),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("target", sa.Double),
        sa.Column("target_met", sa.Boolean, nullable=False, comment="kpi.target_reached was sent for this crossing"),
        sa.Column("measure", postgresql.JSONB, nullable=False),
        sa.Column("event_types", postgresql.ARRAY(sa.Text), nullable=False, comment="what the measure reads"),
        sa.Column("version", sa.Integer, nullable=False),
        moment("created_at"),
        moment("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_kpi"),
        sa.UniqueConstraint("workspace", "key", name="uq_kpi_workspace_key"),
        sa.CheckConstraint("direction IN ('up', 'down')", name="ck_kpi_direction"),
    )
    op.create_index("ix_kpi_newest", "kpi", ["workspace", "created_at", "id"])
    op.create_table(
        "kpi_value",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("kpi_id", sa.Uuid, nullable=False),
        moment("at"),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("reported_by", sa.Text, nullable=False),
        moment("reported_at"),
        sa.PrimaryKeyConstraint("id", name="pk_kpi_value"),
        sa.UniqueConstraint("kpi_id", "at", name="uq_kpi_value_kpi_id_at"),
        sa.ForeignKeyConstraint(["kpi_id"], ["kpi.id"], name="fk_kpi_value_kpi_id_kpi", ondelete="CASCADE"),
    )


def create_monitor() -> None:
    op.create_table(
        "monitor",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("kpi_id", sa.Uuid, nullable=False),
        sa.Column("condition_type", sa.Text, nullable=False),
        sa.Column("operator", sa.Text),
        sa.Column("threshold", sa.Double),
        sa.Column("window", sa.Interval),
        sa.Column("hold_for", sa.Interval, nullable=False),
        sa.Column("keep_firing_for", sa.Interval, nullable=False),
        sa.Column("min_count", sa.Integer, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        moment("created_at"),
        moment("updated_at"),
        sa.Column("state", sa.Text, nullable=False),
        moment("since"),
        moment("bad_since", nullable=True),
        moment("good_since", nullable=True),
        sa.Column("value", sa.Double),
        sa.Column("incident_id", sa.Uuid),
        moment("evaluated_at", nullable=True),
        moment("not_before", nullable=True, comment="earliest next evaluation, to coalesce events"),
        sa.PrimaryKeyConstraint("id", name="pk_monitor"),
        sa.ForeignKeyConstraint(["kpi_id"], ["kpi.id"], name="fk_monitor_kpi_id_kpi", ondelete="CASCADE"),
        sa.CheckConstraint("condition_type IN ('threshold', 'no_data')", name="ck_monitor_condition_type"),
        sa.CheckConstraint("(condition_type = 'threshold') = (operator IS NOT NULL)", name="ck_monitor_operator"),
        sa.CheckConstraint("(condition_type = 'threshold') = (threshold IS NOT NULL)", name="ck_monitor_threshold"),
        sa.CheckConstraint("state IN ('ok', 'pending', 'recovering', 'no_data', 'breached')", name="ck_monitor_state"),
        sa.CheckConstraint(
            "(state IN ('recovering', 'no_data', 'breached')) = (incident_id IS NOT NULL)",
            name="ck_monitor_incident_id",
        ),
        sa.CheckConstraint("min_count >= 1", name="ck_monitor_min_count"),
    )
    op.create_index("ix_monitor_kpi_id", "monitor", ["kpi_id"])
    op.create_table(
        "evaluation",
        sa.Column("monitor_id", sa.Uuid, nullable=False),
        sa.Column("slot", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        moment("at"),
        sa.Column("value", sa.Double),
        sa.Column("samples", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("monitor_id", "slot", "state", name="pk_evaluation"),
        sa.ForeignKeyConstraint(
            ["monitor_id"], ["monitor.id"], name="fk_evaluation_monitor_id_monitor", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_evaluation_newest", "evaluation", ["monitor_id", "at"])
    op.create_index("ix_evaluation_age", "evaluation", ["workspace", "at"])


def create_incident() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("monitor_id", sa.Uuid, nullable=False),
        sa.Column("kpi_id", sa.Uuid, nullable=False),
        sa.Column("kpi", sa.Text, nullable=False, comment="the KPI's key"),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("operator", sa.Text),
        sa.Column("threshold", sa.Double),
        sa.Column("unit", sa.Text),
        sa.Column("value", sa.Double, comment="at the breach"),
        moment("last_seen_at", nullable=True),
        moment("started_at", comment="when the condition began to hold"),
        moment("opened_at", comment="when it had held long enough"),
        moment("ended_at", nullable=True),
        sa.Column("end_reason", sa.Text),
        sa.Column("end_value", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
        sa.CheckConstraint("type IN ('threshold', 'no_data')", name="ck_incident_type"),
        sa.CheckConstraint("severity IN ('info', 'warning', 'critical')", name="ck_incident_severity"),
        sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ck_incident_ended"),
    )
    op.create_index(
        "uq_incident_open", "incident", ["monitor_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index("ix_incident_newest", "incident", ["workspace", "opened_at", "id"])
    op.create_index("ix_incident_kpi_id", "incident", ["kpi_id"])


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    steps.downgrade_v1(op.get_bind())
