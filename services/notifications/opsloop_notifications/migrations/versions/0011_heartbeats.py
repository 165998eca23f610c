"""Heartbeats: jobs that say from time to time that they live."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heartbeat",
        *versioned_columns("heartbeat"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("every", sa.Interval, nullable=False),
        sa.Column("grace", sa.Interval, nullable=False),
        sa.Column("labels", JSONB(none_as_null=True), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("every > interval '0' AND grace >= interval '0'", name="ck_heartbeat_times"),
        sa.UniqueConstraint("workspace", "name", name="uq_heartbeat_workspace_name"),
    )
    hold_to_workspace("heartbeat")


def downgrade() -> None:
    op.drop_table("heartbeat")
