"""Messages can be paused, and go on."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("paused_at", Moment))
    op.add_column(
        "notification_queue",
        sa.Column(
            "is_paused",
            sa.Boolean,
            nullable=False,
            server_default=sa.text("false"),
            comment="with its message; then it is due at no time",
        ),
    )
    op.alter_column("notification_queue", "is_paused", server_default=None)


def downgrade() -> None:
    op.drop_column("notification_queue", "is_paused")
    op.drop_column("message", "paused_at")
