"""Escalation: who is on call, the steps by which alerts are taken to people, and how far each was taken."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("escalation", "escalation_policy", "schedule", "schedule_override")
_KINDS = ("fired", "flapping", "resolved", "acknowledged", "unacknowledged", "assigned", "noted", "notified")


def column(name: str, kind: object, *, null: bool = False) -> sa.Column:
    return sa.Column(name, kind, nullable=null)


def _allow(*kinds: str) -> None:
    op.drop_constraint("ck_alert_entry_kind", "alert_entry")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint("ck_alert_entry_kind", "alert_entry", f"kind IN ({listed})")


def upgrade() -> None:
    _allow(*_KINDS, "escalated")
    op.create_table(
        "schedule",
        *versioned_columns("schedule"),
        column("name", sa.Text),
        column("time_zone", sa.Text),
        column("rotations", JSONB(none_as_null=True)),
    )
    op.create_index("ix_schedule_workspace_id", "schedule", ["workspace", "id"])
    op.create_table(
        "schedule_override",
        *versioned_columns("schedule_override"),
        column("schedule_id", sa.Uuid),
        column("user_id", sa.Text),
        column("starts_at", MOMENT),
        column("ends_at", MOMENT),
        sa.CheckConstraint("starts_at < ends_at", name="ck_schedule_override_span"),
    )
    op.create_index("ix_schedule_override_workspace_schedule", "schedule_override", ["workspace", "schedule_id", "id"])
    op.create_table(
        "escalation_policy",
        *versioned_columns("escalation_policy"),
        column("name", sa.Text),
        column("position", sa.Integer),
        column("matchers", JSONB(none_as_null=True)),
        column("steps", JSONB(none_as_null=True)),
        column("repeats", sa.Integer),
        column("reopens_after", sa.Interval, null=True),
        sa.CheckConstraint("repeats BETWEEN 0 AND 5", name="ck_escalation_policy_repeats"),
    )
    op.create_index("ix_escalation_policy_workspace_position", "escalation_policy", ["workspace", "position", "id"])
    op.create_table(
        "escalation",
        column("alert_id", sa.Uuid),
        column("workspace", sa.Text),
        column("policy_id", sa.Uuid),
        column("done", sa.Integer),
        column("looks_at", MOMENT),
        sa.PrimaryKeyConstraint("alert_id", name="pk_escalation"),
    )
    hold_to_workspace(*TABLES)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.execute("DELETE FROM alert_entry WHERE kind = 'escalated'")
    _allow(*_KINDS)
