"""Messages can be paused, and go on."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment
from opsloop_common.entry import every_workspace

revision = "0020"
down_revision = "0019"
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
    # the release before would neither send nor end them
    with every_workspace(op.get_bind(), "notification", "notification_queue"):
        op.execute(
            "WITH gone AS (DELETE FROM notification_queue WHERE is_paused RETURNING id) "
            "UPDATE notification AS n SET status = 'cancelled', finished_at = now() FROM gone WHERE n.id = gone.id"
        )
    op.drop_column("notification_queue", "is_paused")
    op.drop_column("message", "paused_at")
