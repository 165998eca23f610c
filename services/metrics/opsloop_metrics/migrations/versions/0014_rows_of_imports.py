"""A file knows in which zone its times without an offset are, and its rows that say the same; a refused row says which cell is at fault."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.migrations import hold_to_workspace

revision = "0014"
down_revision = "0013"
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
    op.create_table(
        "event_import_row",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("key", sa.BigInteger, nullable=False, comment="64 bits of a hash of what they say"),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "key", name="pk_event_import_row"),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["event_import.id"],
            name="fk_event_import_row_import_id_event_import",
            ondelete="CASCADE",
        ),
    )
    hold_to_workspace("event_import_row")


def downgrade() -> None:
    op.drop_table("event_import_row")
    op.drop_column("rejection", "value")
    op.drop_column("rejection", "column_name")
    op.drop_column("event_import", "time_zone")
