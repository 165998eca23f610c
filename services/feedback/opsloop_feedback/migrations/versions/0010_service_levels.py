"""Teams, policies of service levels, and the clocks of posts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_team()
    create_sla_policy()
    create_sla_clock()
    hold_to_workspace("team", "sla_policy", "sla_clock")


def create_team() -> None:
    op.create_table(
        "team",
        *versioned_columns("team"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("calendar_id", sa.Uuid),
        sa.Column("members", pg.JSONB, nullable=False),
        sa.UniqueConstraint("workspace", "name", name="uq_team_workspace_name"),
        goes_by_calendar("team"),
    )
    op.create_index("ix_team_workspace_id", "team", ["workspace", "id"])
    op.create_index("ix_team_calendar_id", "team", ["calendar_id"])


def create_sla_policy() -> None:
    op.create_table(
        "sla_policy",
        *versioned_columns("sla_policy"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("when", pg.JSONB, nullable=False),
        sa.Column("calendar_id", sa.Uuid),
        sa.Column("first_reply", sa.Interval),
        sa.Column("next_reply", sa.Interval),
        sa.Column("resolution", sa.Interval),
        sa.Column("approaching_percent", sa.Integer, nullable=False),
        sa.CheckConstraint("approaching_percent BETWEEN 1 AND 99", name="ck_sla_policy_approaching_percent"),
        sa.CheckConstraint("coalesce(first_reply, next_reply, resolution) IS NOT NULL", name="ck_sla_policy_target"),
        goes_by_calendar("sla_policy"),
    )
    op.create_index("ix_sla_policy_workspace_position", "sla_policy", ["workspace", "position", "id"])
    op.create_index("ix_sla_policy_calendar_id", "sla_policy", ["calendar_id"])


def create_sla_clock() -> None:
    op.create_table(
        "sla_clock",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("policy_id", sa.Uuid, nullable=False, comment="of one that may be gone"),
        sa.Column("policy", sa.Text, nullable=False, comment="its name when the clock began"),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("calendar_id", sa.Uuid),
        sa.Column("allowed", sa.Interval, nullable=False),
        sa.Column("warns_after", sa.Interval, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("running_since", Moment),
        sa.Column("spent", sa.Interval, nullable=False),
        sa.Column("warns_at", Moment),
        sa.Column("due_at", Moment),
        sa.Column("warned_at", Moment),
        sa.Column("breached_at", Moment),
        sa.Column("ended_at", Moment),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("team", sa.Text),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sla_clock"),
        check_in("target", ("first_reply", "next_reply", "resolution"), table="sla_clock"),
        check_in("status", ("running", "paused", "met", "breached", "cancelled"), table="sla_clock"),
        sa.CheckConstraint("(status = 'running') = (running_since IS NOT NULL)", name="ck_sla_clock_running"),
        sa.CheckConstraint("(status = 'breached') = (breached_at IS NOT NULL)", name="ck_sla_clock_breached"),
        sa.CheckConstraint(
            "status = 'breached' OR (status IN ('met', 'cancelled')) = (ended_at IS NOT NULL)",
            name="ck_sla_clock_ended",
        ),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_sla_clock_feedback_id_feedback", ondelete="CASCADE"
        ),
        goes_by_calendar("sla_clock"),
    )
    is_open = sa.text("ended_at IS NULL")
    op.create_index("uq_sla_clock_open", "sla_clock", ["feedback_id", "target"], unique=True, postgresql_where=is_open)
    op.create_index("ix_sla_clock_feedback", "sla_clock", ["feedback_id", "started_at", "id"])
    op.create_index("ix_sla_clock_calendar_id", "sla_clock", ["calendar_id"], postgresql_where=is_open)
    for index, column, status in (("met", "ended_at", "met"), ("breached", "breached_at", "breached")):
        op.create_index(
            f"ix_sla_clock_{index}",
            "sla_clock",
            ["workspace", column],
            postgresql_where=sa.text(f"status = '{status}'"),
        )


def goes_by_calendar(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["calendar_id"],
        ["working_calendar.id"],
        name=f"fk_{table}_calendar_id_working_calendar",
        ondelete="RESTRICT",
    )


def downgrade() -> None:
    for table in ("sla_clock", "sla_policy", "team"):
        op.drop_table(table)
