"""Endpoints say with what their calls are signed; public keys are kept beside the sealed ones."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("signature", sa.Text, nullable=False, server_default="v1"))
    op.alter_column("webhook", "signature", server_default=None)
    op.create_check_constraint("ck_webhook_signature", "webhook", "signature IN ('v1', 'v1a', 'both')")
    op.add_column("webhook", sa.Column("public_key", sa.Text))
    op.add_column("webhook", sa.Column("previous_public_key", sa.Text))


def downgrade() -> None:
    op.drop_column("webhook", "previous_public_key")
    op.drop_column("webhook", "public_key")
    op.drop_constraint("ck_webhook_signature", "webhook", type_="check")
    op.drop_column("webhook", "signature")
