"""Mutes and maintenance windows; who looks after an incident, and what explains it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from opsloop_common.columns import Moment, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("mute", "maintenance_window", "acknowledgement")


def upgrade() -> None:
    op.add_column("incident", sa.Column("window", sa.Interval, comment="of its monitor, at the breach"))
    op.add_column(
        "incident",
        sa.Column("explanation", JSONB, comment="null until it is found out; of what cannot be divided for ever"),
    )
    op.create_table(
        "mute",
        sa.Column("monitor_id", sa.Uuid, nullable=False),
        *_versions(),
        sa.Column("until", Moment, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("muted_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("monitor_id", name="pk_mute"),
        sa.ForeignKeyConstraint(["monitor_id"], ["monitor.id"], name="fk_mute_monitor_id_monitor", ondelete="CASCADE"),
    )
    op.create_table(
        "maintenance_window",
        *versioned_columns("maintenance_window"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("starts_at", Moment, nullable=False),
        sa.Column("ends_at", Moment, nullable=False),
        sa.Column("kpis", ARRAY(sa.Text), nullable=False),
        sa.Column("tags", ARRAY(sa.Text), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name="ck_maintenance_window_ends_at"),
    )
    op.create_index("ix_maintenance_window_ends_at", "maintenance_window", ["workspace", "ends_at"])
    op.create_index("ix_maintenance_window_newest", "maintenance_window", ["workspace", "starts_at", "id"])
    op.create_table(
        "acknowledgement",
        sa.Column("incident_id", sa.Uuid, nullable=False),
        *_versions(),
        sa.Column("acknowledged_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("incident_id", name="pk_acknowledgement"),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name="fk_acknowledgement_incident_id_incident", ondelete="CASCADE"
        ),
    )
    hold_to_workspace(*TABLES)


def _versions() -> list[sa.Column[object]]:
    return [
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
    ]


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("incident", "explanation")
    op.drop_column("incident", "window")
