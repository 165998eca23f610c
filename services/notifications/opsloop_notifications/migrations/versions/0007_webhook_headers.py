"""Endpoints carry headers of their owner: the values sealed, the names to be shown."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("sealed_headers", sa.Text))
    op.add_column(
        "webhook", sa.Column("header_names", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'"))
    )
    op.alter_column("webhook", "header_names", server_default=None)


def downgrade() -> None:
    op.drop_column("webhook", "header_names")
    op.drop_column("webhook", "sealed_headers")
