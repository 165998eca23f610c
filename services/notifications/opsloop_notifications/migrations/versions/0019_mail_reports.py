"""What was reported about mails, and addresses that bounced softly too often."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in
from opsloop_common.entry import every_workspace
from opsloop_common.migrations import hold_to_workspace, replace_check_in

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

REASONS = ("hard_bounce", "complaint", "unsubscribe", "manual")


def upgrade() -> None:
    op.create_table(
        "mail_report",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False, comment="rules.key: by what a repeated one is known"),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="the address, as suppressions know it"),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("notification_id", sa.Uuid),
        sa.Column("user_id", sa.Text),
        sa.Column("status", sa.Text, comment="of RFC 3463"),
        sa.Column("detail", sa.Text),
        sa.Column("reported_at", Moment, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mail_report"),
        sa.UniqueConstraint("workspace", "key", name="uq_mail_report_workspace_key"),
        check_in("type", ("hard", "soft", "complaint"), table="mail_report"),
        check_in("source", ("dsn", "arf", "provider"), table="mail_report"),
    )
    op.create_index("ix_mail_report_newest", "mail_report", ["workspace", "id"])
    op.create_index("ix_mail_report_address", "mail_report", ["workspace", "fingerprint", "reported_at"])
    op.create_index("ix_mail_report_user_id", "mail_report", ["workspace", "user_id"])
    op.create_index("ix_mail_report_oldest", "mail_report", ["workspace", "created_at"])
    hold_to_workspace("mail_report")
    replace_check_in("suppression", "reason", (*REASONS, "soft_bounce"))


def downgrade() -> None:
    with every_workspace(op.get_bind(), "suppression"):
        op.execute("UPDATE suppression SET reason = 'hard_bounce' WHERE reason = 'soft_bounce'")
    replace_check_in("suppression", "reason", REASONS)
    op.drop_table("mail_report")
