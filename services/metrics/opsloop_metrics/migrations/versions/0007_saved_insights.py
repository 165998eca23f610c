"""Saved insights, dashboards and annotations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = ("saved_insight", "dashboard", "annotation")
KINDS = ("trends", "active-users", "funnel", "retention", "lifecycle", "stickiness", "paths", "sessions")


def upgrade() -> None:
    op.create_table(
        "saved_insight",
        *versioned_columns("saved_insight"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("query", JSONB, nullable=False),
        check_in("kind", KINDS, table="saved_insight"),
    )
    op.create_index("ix_saved_insight_newest", "saved_insight", ["workspace", "id"])
    op.create_table(
        "dashboard",
        *versioned_columns("dashboard"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("tiles", JSONB, nullable=False),
    )
    op.create_index("ix_dashboard_newest", "dashboard", ["workspace", "id"])
    op.create_table(
        "annotation",
        *versioned_columns("annotation"),
        sa.Column("at", Moment, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("link", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("event_id", sa.Uuid, comment="of which the service made it by itself"),
        check_in("source", ("person", "campaign", "release"), table="annotation"),
        sa.UniqueConstraint("workspace", "event_id", name="uq_annotation_workspace_event_id"),
    )
    op.create_index("ix_annotation_at", "annotation", ["workspace", "at", "id"])
    for table in TABLES:
        hold_to_workspace(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
