"""What was refused, files of events on their way in, and which domain events the store of product events has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, check_in
from opsloop_common.migrations import hold_to_workspace

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = ("rejection", "rejection_minute", "event_import", "event_import_chunk", "domain_feed")


def upgrade() -> None:
    create_rejections()
    create_imports()
    op.create_table(
        "domain_feed",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("begun_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("workspace", name="pk_domain_feed"),
    )
    for table in TABLES:
        hold_to_workspace(table)
    op.add_column("domain_event", sa.Column("is_fed", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.create_index(
        "ix_domain_event_unfed", "domain_event", ["workspace", "event_id"], postgresql_where=sa.text("NOT is_fed")
    )


def create_rejections() -> None:
    op.create_table(
        "rejection",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("vendor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("raw", sa.Text),
        sa.Column("import_id", sa.Uuid),
        sa.Column("row", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_rejection"),
    )
    op.create_index("ix_rejection_newest", "rejection", ["workspace", "received_at", "id"])
    op.create_index(
        "ix_rejection_import", "rejection", ["import_id", "row"], postgresql_where=sa.text("import_id IS NOT NULL")
    )
    op.create_table(
        "rejection_minute",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("minute", Moment, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "minute", name="pk_rejection_minute"),
    )


def create_imports() -> None:
    counts = ("parts", "size", "rows", "stored", "known", "refused")
    op.create_table(
        "event_import",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("columns", JSONB, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("job_id", sa.Uuid),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("finished_at", Moment),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in counts),
        sa.PrimaryKeyConstraint("id", name="pk_event_import"),
        check_in("format", ("csv", "jsonl", "mixpanel", "ga4"), table="event_import"),
        check_in("stage", ("uploading", "importing", "done", "cancelled", "undoing", "undone"), table="event_import"),
    )
    op.create_index("ix_event_import_newest", "event_import", ["workspace", "created_at", "id"])
    op.create_table(
        "event_import_chunk",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "start", name="pk_event_import_chunk"),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["event_import.id"],
            name="fk_event_import_chunk_import_id_event_import",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_domain_event_unfed", "domain_event")
    op.drop_column("domain_event", "is_fed")
    for table in reversed(TABLES):
        op.drop_table(table)
