"""KPIs in a catalogue, and what they came to by period."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from opsloop_common.columns import Moment, check_in
from opsloop_common.entry import every_workspace
from opsloop_common.migrations import hold_to_workspace

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATES = ("ok", "pending", "recovering", "no_data", "breached")  # best first
PERIODS = ("day", "week", "month")
ADDED = ("description", "tags", "targets", "period", "state", "measure_at", "measure_error")


def upgrade() -> None:
    op.add_column("kpi", sa.Column("description", sa.Text))
    op.add_column("kpi", sa.Column("tags", ARRAY(sa.Text), nullable=False, server_default="{}"))
    op.add_column(
        "kpi",
        sa.Column("targets", JSONB, nullable=False, server_default="[]", comment="of days; target holds besides"),
    )
    op.add_column("kpi", sa.Column("period", sa.Text, nullable=False, server_default="day"))
    op.add_column(
        "kpi",
        sa.Column("state", sa.Text, nullable=False, server_default="ok", comment="the worst of its monitors'"),
    )
    op.add_column("kpi", sa.Column("measure_at", Moment, comment="null: when a value is reported"))
    op.add_column("kpi", sa.Column("measure_error", sa.Text))
    for name in ("tags", "targets", "period", "state"):
        op.alter_column("kpi", name, server_default=None)
    for name, values in (("period", PERIODS), ("state", STATES)):
        op.create_check_constraint(op.f(f"ck_kpi_{name}"), "kpi", check_in(name, values, table="kpi").sqltext)
    op.create_index("ix_kpi_measure_at", "kpi", ["workspace", "measure_at"])
    op.create_table(
        "kpi_measurement",
        sa.Column("kpi_id", sa.Uuid, nullable=False),
        sa.Column("starts_at", Moment, nullable=False),
        sa.Column("ends_at", Moment, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("measured_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("kpi_id", "starts_at", name="pk_kpi_measurement"),
        sa.ForeignKeyConstraint(["kpi_id"], ["kpi.id"], name="fk_kpi_measurement_kpi_id_kpi", ondelete="CASCADE"),
    )
    hold_to_workspace("kpi_measurement")
    with every_workspace(op.get_bind(), "kpi", "monitor"):
        op.execute("UPDATE kpi SET measure_at = now()")
        worst = "(array_agg(m.state ORDER BY array_position(CAST(:states AS text[]), m.state) DESC))[1]"
        found = f"SELECT m.kpi_id, {worst} AS state FROM monitor AS m GROUP BY m.kpi_id"
        op.execute(
            sa.text(f"UPDATE kpi SET state = w.state FROM ({found}) AS w WHERE w.kpi_id = kpi.id").bindparams(
                states=list(STATES)
            )
        )


def downgrade() -> None:
    # kinds of measures that the release before does not know
    with every_workspace(op.get_bind(), "kpi"):
        op.execute("DELETE FROM kpi WHERE measure->>'type' IN ('insight', 'formula')")
    op.drop_table("kpi_measurement")
    op.drop_index("ix_kpi_measure_at", "kpi")
    for name in reversed(ADDED):
        op.drop_column("kpi", name)
