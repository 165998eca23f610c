"""Key results have a unit: their KPI's, or one that was given."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import every_workspace

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("key_result", sa.Column("unit", sa.Text, comment="the KPI's where one measures it"))
    with every_workspace(op.get_bind(), "key_result", "kpi"):
        op.execute("UPDATE key_result SET unit = kpi.unit FROM kpi WHERE kpi.id = key_result.kpi_id")


def downgrade() -> None:
    op.drop_column("key_result", "unit")
