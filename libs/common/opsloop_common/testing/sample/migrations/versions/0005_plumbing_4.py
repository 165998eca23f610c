"""Copies of a workspace's settings know which of their changes are not answered (plumbing version 4)."""

from alembic import op

from opsloop_common.plumbing import steps

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.upgrade_v4(op.get_bind())


def downgrade() -> None:
    steps.downgrade_v4(op.get_bind())
