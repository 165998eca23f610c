"""Lists have orders, each with its index, and views of them are kept."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# as PostgreSQL writes it: what is promised for no time comes after all that is
DUE = "coalesce(due_at, '9999-12-31 00:00:00+00'::timestamp with time zone)"
ORDERS = {"updated": "updated_at", "due": sa.text(DUE), "severity": "severity", "affected": "affected_users"}
SORTS = [each for name in ("created", "updated", "due", "severity", "affected") for each in (name, f"-{name}")]


def upgrade() -> None:
    for name, column in ORDERS.items():
        op.create_index(f"ix_feedback_{name}", "feedback", ["workspace", column, "number"])
    op.create_table(
        "feedback_view",
        *versioned_columns("feedback_view"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("filters", pg.JSONB, nullable=False),
        sa.Column("sort", sa.Text, nullable=False),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.Column(
            "owner",
            sa.Text,
            nullable=False,
            comment="whose it is: a person, or whoever speaks by a key, also by the next one",
        ),
        check_in("sort", SORTS, table="feedback_view"),
    )
    op.create_index("ix_feedback_view_workspace_id", "feedback_view", ["workspace", "id"])
    hold_to_workspace("feedback_view")


def downgrade() -> None:
    op.drop_table("feedback_view")
    for name in ORDERS:
        op.drop_index(f"ix_feedback_{name}", "feedback")
