"""Endpoints may be asked for their consent before they are called."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import every_workspace

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("handshake", sa.Boolean, nullable=False, server_default=sa.false()))
    op.alter_column("webhook", "handshake", server_default=None)
    op.add_column("webhook", sa.Column("consented_at", sa.DateTime(timezone=True)))
    op.add_column("webhook", sa.Column("allowed_rate", sa.Integer))
    op.add_column("webhook", sa.Column("refused_detail", sa.Text))


def downgrade() -> None:
    # the release before would call those that gave no consent
    with every_workspace(op.get_bind(), "webhook"):
        op.execute(
            "UPDATE webhook SET disabled_reason = 'manual' WHERE status = 'disabled' AND disabled_reason IN ('asking', 'refused')"
        )
    for name in ("refused_detail", "allowed_rate", "consented_at", "handshake"):
        op.drop_column("webhook", name)
