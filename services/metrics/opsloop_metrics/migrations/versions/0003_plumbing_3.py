"""Work that recurs, known workspaces, queues in which workspaces take turns (plumbing version 3)."""

from alembic import op

from opsloop_common.plumbing import steps

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.upgrade_v3(op.get_bind())
    op.execute("DELETE FROM due WHERE kind = 'metrics.prune'")  # the runner makes such rows now, under other names


def downgrade() -> None:
    steps.downgrade_v3(op.get_bind())
