"""Keys say who speaks, publishable keys, secrets of end users, links to pages (plumbing version 2)."""

from alembic import op

from opsloop_common.plumbing import steps

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.upgrade_v2(op.get_bind())


def downgrade() -> None:
    steps.downgrade_v2(op.get_bind())
