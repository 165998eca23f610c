"""Deliveries are listed over all endpoints; endpoints know when it was told that they fail."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_delivery_workspace_created_at", "delivery", ["workspace", "created_at", "id"])
    op.add_column("webhook", sa.Column("failing_told_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("webhook", "failing_told_at")
    op.drop_index("ix_delivery_workspace_created_at", "delivery")
