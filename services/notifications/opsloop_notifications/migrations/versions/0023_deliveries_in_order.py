"""Endpoints may get the events of each stream one after the other: lines of deliveries, of which one is due."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import check_in
from opsloop_common.entry import every_workspace, every_workspace_policy
from opsloop_common.migrations import hold_to_workspace

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    ordering = check_in("ordering", ("none", "stream"), table="webhook")
    op.create_check_constraint(op.f("ck_webhook_ordering"), "webhook", ordering.sqltext)
    op.add_column("delivery", sa.Column("stream", sa.Text))
    op.add_column("delivery", sa.Column("sequence", sa.BigInteger))
    op.add_column("delivery_queue", sa.Column("line_id", sa.Uuid))
    op.add_column("delivery_queue", sa.Column("place", sa.BigInteger))
    op.create_index(
        "ix_delivery_queue_line",
        "delivery_queue",
        ["line_id", "place", "id"],
        postgresql_where=sa.text("line_id IS NOT NULL"),
    )
    op.create_index(
        "uq_delivery_queue_first_of_line",
        "delivery_queue",
        ["line_id"],
        unique=True,
        postgresql_where=sa.text("line_id IS NOT NULL AND due_at IS NOT NULL"),
    )
    op.create_table(
        "delivery_line",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("webhook_id", sa.Uuid, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("parked_at", MOMENT),
        sa.Column("reason", sa.Text),
        sa.Column("delivery_id", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_line"),
        sa.UniqueConstraint("webhook_id", "stream", name="uq_delivery_line_webhook_id_stream"),
        check_in("reason", ("failed", "manual"), table="delivery_line"),
        sa.CheckConstraint("(parked_at IS NULL) = (reason IS NULL)", name="ck_delivery_line_parked_at"),
    )
    op.create_index("ix_delivery_line_webhook_id_id", "delivery_line", ["webhook_id", "id"])
    hold_to_workspace("delivery_line")
    for statement in every_workspace_policy("delivery_line"):
        op.execute(statement)


def downgrade() -> None:
    # the release before sends what waits at once
    with every_workspace(op.get_bind(), "delivery_queue"):
        op.execute("DROP INDEX uq_delivery_queue_first_of_line")
        op.execute("UPDATE delivery_queue SET due_at = now() WHERE line_id IS NOT NULL AND due_at IS NULL")
    with every_workspace(op.get_bind(), "webhook"):
        op.execute("UPDATE webhook SET ordering = 'none'")
    op.drop_table("delivery_line")
    op.drop_index("ix_delivery_queue_line", "delivery_queue")
    op.drop_column("delivery_queue", "place")
    op.drop_column("delivery_queue", "line_id")
    op.drop_column("delivery", "sequence")
    op.drop_column("delivery", "stream")
    op.drop_constraint(op.f("ck_webhook_ordering"), "webhook", type_="check")
