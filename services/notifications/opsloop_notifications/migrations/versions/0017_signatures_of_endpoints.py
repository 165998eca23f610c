"""Endpoints say with what their calls are signed; public keys are kept beside the sealed ones."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import every_workspace

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
    # the release before reads shared secrets alone
    with every_workspace(op.get_bind(), "webhook"):
        op.execute(
            "UPDATE webhook SET status = 'disabled', disabled_reason = 'manual' WHERE signature <> 'v1' AND status = 'enabled'"
        )
        op.execute(
            "UPDATE webhook SET previous_secret = NULL, previous_expires_at = NULL WHERE previous_public_key IS NOT NULL"
        )
    op.drop_column("webhook", "previous_public_key")
    op.drop_column("webhook", "public_key")
    op.drop_constraint("ck_webhook_signature", "webhook", type_="check")
    op.drop_column("webhook", "signature")
