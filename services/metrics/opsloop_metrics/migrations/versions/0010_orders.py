"""Orders, refunds and downloads, also out of files."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in
from opsloop_common.entry import every_workspace
from opsloop_common.migrations import hold_to_workspace, replace_check_in

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = ("customer_order", "refund", "store_download")
FORMATS = ("csv", "jsonl", "mixpanel", "ga4")
IMPORTED = sa.text("import_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "customer_order",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("minor_amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False),
        sa.Column("ordered_at", Moment, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("product", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("import_id", sa.Uuid, comment="the file that brought it"),
        sa.PrimaryKeyConstraint("id", name="pk_customer_order"),
        sa.UniqueConstraint("workspace", "order_id", name="uq_customer_order_workspace_order_id"),
        check_in("kind", ("purchase", "subscription", "renewal"), table="customer_order"),
        sa.CheckConstraint(
            "0 <= refunded_minor AND refunded_minor <= minor_amount", name="ck_customer_order_refunded_minor"
        ),
    )
    op.create_index("ix_customer_order_newest", "customer_order", ["workspace", "ordered_at", "id"])
    op.create_index("ix_customer_order_currency", "customer_order", ["workspace", "currency", "ordered_at"])
    op.create_index("ix_customer_order_user_id", "customer_order", ["workspace", "user_id"])
    op.create_index("ix_customer_order_import_id", "customer_order", ["import_id"], postgresql_where=IMPORTED)
    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("customer_order_id", sa.Uuid, nullable=False),
        sa.Column("refund_id", sa.Text, nullable=False),
        sa.Column("minor_amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("refunded_at", Moment, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("import_id", sa.Uuid, comment="the file that brought it"),
        sa.PrimaryKeyConstraint("id", name="pk_refund"),
        sa.UniqueConstraint("customer_order_id", "refund_id", name="uq_refund_customer_order_id_refund_id"),
        sa.CheckConstraint("minor_amount > 0", name="ck_refund_minor_amount"),
        sa.ForeignKeyConstraint(
            ["customer_order_id"],
            ["customer_order.id"],
            name="fk_refund_customer_order_id_customer_order",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_refund_newest", "refund", ["workspace", "currency", "refunded_at"])
    op.create_index("ix_refund_import_id", "refund", ["import_id"], postgresql_where=IMPORTED)
    op.create_table(
        "store_download",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("downloads", sa.BigInteger, nullable=False),
        sa.Column("import_id", sa.Uuid, nullable=False, comment="the file that says it"),
        sa.PrimaryKeyConstraint("workspace", "day", "store", "app", "country", "detail", name="pk_store_download"),
    )
    op.create_index("ix_store_download_import_id", "store_download", ["import_id"])
    for table in TABLES:
        hold_to_workspace(table)
    replace_check_in("event_import", "format", (*FORMATS, "orders", "store_downloads"))


def downgrade() -> None:
    with every_workspace(op.get_bind(), "event_import"):
        op.execute("DELETE FROM event_import WHERE format IN ('orders', 'store_downloads')")
    replace_check_in("event_import", "format", FORMATS)
    for table in reversed(TABLES):
        op.drop_table(table)
