"""A file knows in which zone its times without an offset are; a refused row says which cell is at fault."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # files of before were read in UTC, and those on their way go on so
    zone = sa.Column(
        "time_zone",
        sa.Text,
        nullable=False,
        server_default="UTC",
        comment="in which times without an offset are read",
    )
    op.add_column("event_import", zone)
    op.alter_column("event_import", "time_zone", server_default=None)
    op.add_column("rejection", sa.Column("column_name", sa.Text))
    op.add_column("rejection", sa.Column("value", sa.Text))


def downgrade() -> None:
    op.drop_column("rejection", "value")
    op.drop_column("rejection", "column_name")
    op.drop_column("event_import", "time_zone")
