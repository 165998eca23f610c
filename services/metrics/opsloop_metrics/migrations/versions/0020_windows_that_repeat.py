"""Maintenance windows that come again on days of the week."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_DAYS = "'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'"


def upgrade() -> None:
    op.add_column(
        "maintenance_window",
        sa.Column(
            "repeats_on",
            ARRAY(sa.Text),
            nullable=False,
            server_default="{}",
            comment="days of the week, after the first time",
        ),
    )
    op.alter_column("maintenance_window", "repeats_on", server_default=None)
    op.add_column("maintenance_window", sa.Column("last_day", sa.Date, comment="on which it may begin"))
    op.create_check_constraint(
        "ck_maintenance_window_repeats_on", "maintenance_window", f"repeats_on <@ ARRAY[{_DAYS}]::text[]"
    )
    op.create_check_constraint(
        "ck_maintenance_window_last_day", "maintenance_window", "last_day IS NULL OR cardinality(repeats_on) > 0"
    )
    op.create_index(
        "ix_maintenance_window_repeating",
        "maintenance_window",
        ["workspace"],
        postgresql_where=sa.text("repeats_on <> '{}'"),
    )


def downgrade() -> None:
    op.drop_index("ix_maintenance_window_repeating", "maintenance_window")
    op.drop_constraint("ck_maintenance_window_last_day", "maintenance_window")
    op.drop_constraint("ck_maintenance_window_repeats_on", "maintenance_window")
    op.drop_column("maintenance_window", "last_day")
    op.drop_column("maintenance_window", "repeats_on")
