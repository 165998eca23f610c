"""Messages say what they were written with; a person is told by several channels, and what waits can be cancelled."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import every_workspace
from opsloop_common.migrations import replace_check_in

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OLD = "uq_notification_workspace_message_id_user_id"
NEW = f"{OLD}_channel"


def upgrade() -> None:
    op.add_column("message", sa.Column("template", sa.Text, comment="the key of what it was written with"))
    op.add_column("message", sa.Column("template_version", sa.Integer))
    op.add_column("message", sa.Column("is_test", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.alter_column("message", "is_test", server_default=None)
    op.drop_constraint(op.f(OLD), "notification", type_="unique")
    op.create_unique_constraint(op.f(NEW), "notification", ["workspace", "message_id", "user_id", "channel"])
    replace_check_in("notification", "status", ("pending", "sent", "failed", "cancelled"))


def downgrade() -> None:
    with every_workspace(op.get_bind(), "notification"):
        op.execute("DELETE FROM notification WHERE channel <> 'email' OR status = 'cancelled'")
    replace_check_in("notification", "status", ("pending", "sent", "failed"))
    op.drop_constraint(op.f(NEW), "notification", type_="unique")
    op.create_unique_constraint(op.f(OLD), "notification", ["workspace", "message_id", "user_id"])
    for column in ("is_test", "template_version", "template"):
        op.drop_column("message", column)
