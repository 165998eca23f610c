"""Recipients say whether somebody set them by hand; notifications are found by whom they are to."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # all there are so far were put by somebody
    op.add_column(
        "recipient",
        sa.Column(
            "is_by_hand",
            sa.Boolean,
            nullable=False,
            server_default=sa.text("true"),
            comment="somebody said so through the API; then no event changes it",
        ),
    )
    op.alter_column("recipient", "is_by_hand", server_default=None)
    op.create_index("ix_notification_user_id", "notification", ["workspace", "user_id"])


def downgrade() -> None:
    op.drop_index("ix_notification_user_id", "notification")
    op.drop_column("recipient", "is_by_hand")
