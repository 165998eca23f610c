"""Incidents keep the name that their KPI had, so that whoever is told of the end can be told of what."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import every_workspace

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "at the breach; null in incidents from before it was kept"
    op.add_column("incident", sa.Column("kpi_name", sa.Text(), comment=comment))
    with every_workspace(op.get_bind(), "incident", "kpi"):
        op.execute(
            "UPDATE incident AS i SET kpi_name = k.name FROM kpi AS k WHERE k.id = i.kpi_id AND i.ended_at IS NULL"
        )


def downgrade() -> None:
    op.drop_column("incident", "kpi_name")
