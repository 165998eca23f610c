"""Messages stay cancelled; what campaigns say of theirs counts in order; progress is counted in an index."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("cancelled_at", Moment))
    op.add_column("message", sa.Column("heard", sa.BigInteger, comment="sequence of its campaign's last word"))
    op.create_index("ix_notification_message", "notification", ["workspace", "message_id", "status"])


def downgrade() -> None:
    op.drop_index("ix_notification_message", "notification")
    op.drop_column("message", "heard")
    op.drop_column("message", "cancelled_at")
