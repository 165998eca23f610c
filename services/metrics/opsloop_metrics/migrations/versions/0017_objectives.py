"""Objectives with their key results and check-ins; competitors with their series."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = ("objective", "key_result", "check_in", "competitor", "competitor_series", "competitor_point")
STATES = ("not_started", "on_track", "at_risk", "off_track", "achieved", "missed")


def upgrade() -> None:
    op.create_table(
        "objective",
        *versioned_columns("objective"),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("period", sa.Text, comment="its name; null where two days were said"),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("parent_id", sa.Uuid),
        sa.Column("progress", sa.Double),
        sa.Column("pace", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("judged_at", Moment, nullable=False),
        check_in("state", STATES, table="objective"),
        sa.CheckConstraint("first_day <= last_day", name="ck_objective_last_day"),
        sa.ForeignKeyConstraint(["parent_id"], ["objective.id"], name="fk_objective_parent_id_objective"),
    )
    op.create_index("ix_objective_newest", "objective", ["workspace", "id"])
    op.create_index("ix_objective_parent_id", "objective", ["parent_id"])
    op.create_table(
        "key_result",
        *versioned_columns("key_result"),
        sa.Column("objective_id", sa.Uuid, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("kpi_id", sa.Uuid),
        sa.Column("kpi_key", sa.Text, comment="stays when the KPI is gone, and names nothing then"),
        sa.Column("start", sa.Double, nullable=False),
        sa.Column("target", sa.Double, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("progress", sa.Double),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("confidence", sa.Integer, comment="of the latest check-in"),
        check_in("state", STATES, table="key_result"),
        sa.CheckConstraint("start <> target", name="ck_key_result_target"),
        sa.CheckConstraint("weight > 0", name="ck_key_result_weight"),
        sa.ForeignKeyConstraint(
            ["objective_id"], ["objective.id"], name="fk_key_result_objective_id_objective", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["kpi_id"], ["kpi.id"], name="fk_key_result_kpi_id_kpi", ondelete="SET NULL"),
    )
    op.create_index("ix_key_result_objective_id", "key_result", ["objective_id", "id"])
    op.create_index("ix_key_result_kpi_id", "key_result", ["kpi_id"])
    op.create_table(
        "check_in",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("key_result_id", sa.Uuid, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("confidence", sa.Integer, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("said_by", sa.Text, nullable=False),
        sa.Column("said_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_check_in"),
        sa.CheckConstraint("confidence BETWEEN 1 AND 5", name="ck_check_in_confidence"),
        sa.ForeignKeyConstraint(
            ["key_result_id"], ["key_result.id"], name="fk_check_in_key_result_id_key_result", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_check_in_key_result_id", "check_in", ["key_result_id", "id"])
    _create_competitors()
    for table in TABLES:
        hold_to_workspace(table)


def _create_competitors() -> None:
    op.create_table(
        "competitor",
        *versioned_columns("competitor"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("notes", sa.Text),
    )
    op.create_index("ix_competitor_newest", "competitor", ["workspace", "id"])
    op.create_table(
        "competitor_series",
        *versioned_columns("competitor_series"),
        sa.Column("competitor_id", sa.Uuid, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("unit", sa.Text),
        sa.Column("source", JSONB, comment="null: points are posted"),
        sa.Column("alert_change", sa.Double, comment="null: nobody is told"),
        sa.Column("told_at", Moment, comment="the newest point that was told of"),
        sa.Column("pull_at", Moment, comment="null: nothing is pulled"),
        sa.Column("pulled_at", Moment, comment="the latest try"),
        sa.Column("last_error", sa.Text),
        sa.UniqueConstraint("competitor_id", "key", name="uq_competitor_series_competitor_id_key"),
        sa.CheckConstraint("alert_change > 0", name="ck_competitor_series_alert_change"),
        sa.CheckConstraint("(source IS NULL) = (pull_at IS NULL)", name="ck_competitor_series_pull_at"),
        sa.ForeignKeyConstraint(
            ["competitor_id"],
            ["competitor.id"],
            name="fk_competitor_series_competitor_id_competitor",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_competitor_series_competitor_id", "competitor_series", ["competitor_id", "id"])
    op.create_index("ix_competitor_series_pull_at", "competitor_series", ["workspace", "pull_at"])
    op.create_table(
        "competitor_point",
        sa.Column("series_id", sa.Uuid, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("series_id", "at", name="pk_competitor_point"),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["competitor_series.id"],
            name="fk_competitor_point_series_id_competitor_series",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
