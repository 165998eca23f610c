"""Endpoints may have a template for their payloads, and attempts keep what it made."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("payload_template", sa.Text))
    op.add_column("delivery_attempt", sa.Column("payload", sa.Text))


def downgrade() -> None:
    op.drop_column("delivery_attempt", "payload")
    op.drop_column("webhook", "payload_template")
