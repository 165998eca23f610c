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
    create_bulk_changes()
    hold_to_workspace("feedback_view", "bulk_change", "bulk_change_post")


def create_bulk_changes() -> None:
    op.create_table(
        "bulk_change",
        *versioned_columns("bulk_change"),
        sa.Column("filters", pg.JSONB, nullable=False),
        sa.Column("ids", pg.ARRAY(sa.Uuid), comment="only these; null: all that the filters leave"),
        sa.Column("changes", pg.JSONB, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column(
            "upto", sa.BigInteger, nullable=False, comment="the newest number when it was asked: what comes later stays"
        ),
        sa.Column("job_id", sa.Uuid),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("changed", "refused", "undone", "skipped")),
        check_in("stage", ("changing", "changed", "cancelled", "undoing", "undone"), table="bulk_change"),
    )
    op.create_index("ix_bulk_change_workspace_id", "bulk_change", ["workspace", "id"])
    op.create_table(
        "bulk_change_post",
        sa.Column("bulk_change_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("before", pg.JSONB, nullable=False),
        sa.Column("after", pg.JSONB, nullable=False),
        sa.Column(
            "kept",
            pg.ARRAY(sa.Text),
            nullable=False,
            comment="fields that somebody changed since, which undoing left alone",
        ),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("bulk_change_id", "number", name="pk_bulk_change_post"),
        sa.ForeignKeyConstraint(
            ["bulk_change_id"],
            ["bulk_change.id"],
            name="fk_bulk_change_post_bulk_change_id_bulk_change",
            ondelete="CASCADE",
        ),
        check_in("outcome", ("changed", "refused", "undone", "partly_undone", "skipped"), table="bulk_change_post"),
    )


def downgrade() -> None:
    for table in ("bulk_change_post", "bulk_change", "feedback_view"):
        op.drop_table(table)
    for name in ORDERS:
        op.drop_index(f"ix_feedback_{name}", "feedback")
