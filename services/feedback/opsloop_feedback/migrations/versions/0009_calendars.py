"""When is worked: windows of the week, holidays and make-up workdays."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "working_calendar",
        *versioned_columns("working_calendar"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("week", pg.JSONB, nullable=False),
        sa.Column("days", pg.JSONB, nullable=False),
    )
    op.create_index("ix_working_calendar_workspace_id", "working_calendar", ["workspace", "id"])
    hold_to_workspace("working_calendar")


def downgrade() -> None:
    op.drop_table("working_calendar")
