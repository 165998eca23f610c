"""Claims take workspaces in turn, then the endpoints of each: the index is in that order."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

QUEUES = ("delivery_queue", "notification_queue")
WAITING = "WHERE owner IS NULL AND due_at IS NOT NULL"


def upgrade() -> None:
    for table in QUEUES:
        op.execute(f"DROP INDEX ix_{table}_due")
        op.execute(f"CREATE INDEX ix_{table}_turns ON {table} (workspace, group_key, priority DESC, due_at) {WAITING}")


def downgrade() -> None:
    for table in QUEUES:
        op.execute(f"DROP INDEX ix_{table}_turns")
        op.execute(f"CREATE INDEX ix_{table}_due ON {table} (group_key, priority DESC, due_at) {WAITING}")
