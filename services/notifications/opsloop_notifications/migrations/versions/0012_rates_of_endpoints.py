"""Endpoints say how many calls a second they take."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("rate_limit", sa.Integer))
    op.create_check_constraint("ck_webhook_rate_limit", "webhook", "rate_limit > 0")


def downgrade() -> None:
    op.drop_constraint("ck_webhook_rate_limit", "webhook", type_="check")
    op.drop_column("webhook", "rate_limit")
