"""Endpoints may be bots of chats or pagers: a secret of their own, a language, and whether they are told of events or of alerts."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import check_in
from opsloop_common.entry import every_workspace

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ADDED = {"about": ("events", ("events", "alerts")), "language": ("en", ("en", "zh"))}


def upgrade() -> None:
    op.add_column("webhook", sa.Column("sealed_bot_secret", sa.Text))
    for name, (default, _) in ADDED.items():
        op.add_column("webhook", sa.Column(name, sa.Text, nullable=False, server_default=default))
    with every_workspace(op.get_bind(), "webhook"):
        op.execute("UPDATE webhook SET about = 'alerts' WHERE format = 'alertmanager'")
    for name, (_, values) in ADDED.items():
        op.alter_column("webhook", name, server_default=None)
        op.create_check_constraint(
            op.f(f"ck_webhook_{name}"), "webhook", check_in(name, values, table="webhook").sqltext
        )


def downgrade() -> None:
    # the release before would call them with documents
    with every_workspace(op.get_bind(), "webhook"):
        op.execute(
            "UPDATE webhook SET status = 'disabled', disabled_reason = 'manual' "
            "WHERE format NOT IN ('cloudevents', 'alertmanager') AND status = 'enabled'"
        )
    for name in ADDED:
        op.drop_column("webhook", name)
    op.drop_column("webhook", "sealed_bot_secret")
