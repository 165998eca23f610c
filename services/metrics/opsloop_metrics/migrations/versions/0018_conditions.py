"""What monitors watch for: changes, anomalies, targets that go out of reach, calendar windows; and what was expected instead."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, check_in
from opsloop_common.entry import every_workspace

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

CONDITIONS = ("threshold", "change", "anomaly", "off_track", "no_data")
PERIODS = ("day", "week", "month")
BEFORE = "('threshold', 'no_data')"
CHECKED = ("condition_type", "operator", "threshold")
OF_MONITORS = ("unusual", "calendar", "reach", "judged_at")
OF_BOTH = ("expected", "low", "high", "words")


def upgrade() -> None:
    op.add_column("monitor", sa.Column("unusual", JSONB, comment="what an anomaly is"))
    op.add_column("monitor", sa.Column("calendar", sa.Text, comment="the period that is the window instead"))
    op.add_column("monitor", sa.Column("reach", sa.Interval, comment="how far back a look goes"))
    op.add_column("monitor", sa.Column("judged_at", Moment, comment="the start of the newest bucket that was judged"))
    for table in ("monitor", "incident"):
        for name in ("expected", "low", "high"):
            op.add_column(table, sa.Column(name, sa.Double))
    op.add_column("monitor", sa.Column("words", JSONB))
    op.add_column("incident", sa.Column("words", JSONB, comment="by language"))
    with every_workspace(op.get_bind(), "monitor"):
        op.execute('UPDATE monitor SET reach = "window"')
    drop_checks()
    check("monitor", "condition_type", check_in("condition_type", CONDITIONS, table="monitor").sqltext)
    check("monitor", "operator", "(condition_type IN ('threshold', 'change')) = (operator IS NOT NULL)")
    check("monitor", "threshold", "(condition_type IN ('threshold', 'change', 'off_track')) = (threshold IS NOT NULL)")
    check("monitor", "unusual", "(condition_type = 'anomaly') = (unusual IS NOT NULL)")
    check("monitor", "calendar", check_in("calendar", PERIODS, table="monitor").sqltext)
    check("monitor", "window", '"window" IS NULL OR calendar IS NULL')
    check("incident", "type", check_in("type", CONDITIONS, table="incident").sqltext)


def check(table: str, name: str, condition: object) -> None:
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def drop_checks() -> None:
    for name in CHECKED:
        op.drop_constraint(op.f(f"ck_monitor_{name}"), "monitor", type_="check")
    op.drop_constraint(op.f("ck_incident_type"), "incident", type_="check")


def downgrade() -> None:
    # what the release before can neither watch nor show
    with every_workspace(op.get_bind(), "kpi", "monitor", "incident"):
        op.execute(f"DELETE FROM incident WHERE type NOT IN {BEFORE}")
        op.execute(f"DELETE FROM monitor WHERE condition_type NOT IN {BEFORE} OR calendar IS NOT NULL")
        op.execute(
            "DELETE FROM kpi WHERE 'p95' IN (measure->>'aggregate', measure#>>'{numerator,aggregate}', "
            "measure#>>'{denominator,aggregate}')"
        )
    drop_checks()
    for name in ("unusual", "calendar", "window"):
        op.drop_constraint(op.f(f"ck_monitor_{name}"), "monitor", type_="check")
    check("monitor", "condition_type", f"condition_type IN {BEFORE}")
    for name in ("operator", "threshold"):
        check("monitor", name, f"(condition_type = 'threshold') = ({name} IS NOT NULL)")
    check("incident", "type", f"type IN {BEFORE}")
    for name in OF_BOTH:
        op.drop_column("incident", name)
    for name in (*OF_BOTH, *OF_MONITORS):
        op.drop_column("monitor", name)
