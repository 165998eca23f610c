"""Files that posts and messages name; mailboxes, and what came by them."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_attachments()
    create_mailbox()
    create_received_mail()
    hold_to_workspace("attachment", "attachment_usage", "mailbox", "mailbox_progress", "received_mail")


def create_attachments() -> None:
    op.create_table(
        "attachment",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False, comment="who uploaded it: the source of the key"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False, comment="by its content"),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("picture", sa.Text, nullable=False, comment="whether there is a small picture of it"),
        sa.Column("feedback_id", sa.Uuid),
        sa.Column("message_id", sa.Uuid),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attachment"),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_attachment_feedback_id_feedback"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["feedback_message.id"], name="fk_attachment_message_id_feedback_message"
        ),
        check_in("state", ("arriving", "kept", "removed"), table="attachment"),
        check_in("picture", ("none", "due", "made"), table="attachment"),
        sa.CheckConstraint("bytes > 0", name="ck_attachment_bytes"),
        sa.CheckConstraint("message_id IS NULL OR feedback_id IS NOT NULL", name="ck_attachment_message_of_feedback"),
        sa.CheckConstraint("feedback_id IS NULL OR state = 'kept'", name="ck_attachment_named_is_kept"),
    )
    for name, columns, where in (
        ("feedback_id", ["feedback_id", "id"], "feedback_id IS NOT NULL"),
        ("message_id", ["message_id"], "message_id IS NOT NULL"),
        ("unnamed", ["workspace", "id"], "feedback_id IS NULL"),
        ("picture_due", ["workspace", "id"], "picture = 'due'"),
    ):
        op.create_index(f"ix_attachment_{name}", "attachment", columns, postgresql_where=sa.text(where))
    op.create_table(
        "attachment_usage",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace", name="pk_attachment_usage"),
        sa.CheckConstraint("bytes >= 0", name="ck_attachment_usage_bytes"),
    )


def create_mailbox() -> None:
    op.create_table(
        "mailbox",
        *versioned_columns("mailbox"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False, comment="what people write to; mail from it is our own"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column(
            "token_number", sa.Integer, nullable=False, comment="of the token that holds; earlier ones open nothing"
        ),
        sa.Column("host", sa.Text),
        sa.Column("port", sa.Integer),
        sa.Column("security", sa.Text),
        sa.Column("user_name", sa.Text),
        sa.Column("sealed_password", sa.Text),
        sa.Column("folder", sa.Text),
        check_in("kind", ("webhook", "imap"), table="mailbox"),
        check_in("security", ("tls", "starttls"), table="mailbox"),
        sa.CheckConstraint("(kind = 'imap') = (host IS NOT NULL)", name="ck_mailbox_host"),
        sa.CheckConstraint(
            "kind <> 'imap' OR num_nulls(port, security, user_name, sealed_password, folder) = 0",
            name="ck_mailbox_imap",
        ),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name="ck_mailbox_port"),
    )
    op.create_index("ix_mailbox_workspace_id", "mailbox", ["workspace", "id"])
    op.create_table(
        "mailbox_progress",
        sa.Column("mailbox_id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("uid_validity", sa.BigInteger),
        sa.Column("last_uid", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False, comment="in a row"),
        sa.Column("failure", sa.Text),
        sa.Column("fetched_at", sa.DateTime(timezone=True), comment="when it was last looked at with success"),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", name="pk_mailbox_progress"),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name="fk_mailbox_progress_mailbox_id_mailbox", ondelete="CASCADE"
        ),
        check_in(
            "failure",
            ("blocked_target", "dns", "connection", "tls", "timeout", "sign_in", "folder", "protocol"),
            table="mailbox_progress",
        ),
        sa.CheckConstraint("(uid_validity IS NULL) = (last_uid IS NULL)", name="ck_mailbox_progress_place"),
        sa.CheckConstraint("(failures = 0) = (failure IS NULL)", name="ck_mailbox_progress_failures"),
    )


def create_received_mail() -> None:
    op.create_table(
        "received_mail",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("mailbox_id", sa.Uuid, nullable=False, comment="of one that may be gone"),
        sa.Column("key", sa.Text, nullable=False, comment="a digest of what it says"),
        sa.Column("mail_digest", sa.Text, comment="of its Message-ID"),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("feedback_id", sa.Uuid),
        sa.Column("message_id", sa.Uuid),
        sa.Column("author_id", sa.Text, comment="what somebody is called of whom only the address is known"),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_received_mail"),
        sa.UniqueConstraint("workspace", "key", name="uq_received_mail_workspace_key"),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_received_mail_feedback_id_feedback"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["feedback_message.id"], name="fk_received_mail_message_id_feedback_message"
        ),
        check_in("outcome", ("post", "message", "automatic", "parked"), table="received_mail"),
        sa.CheckConstraint("raw IS NULL OR outcome = 'parked'", name="ck_received_mail_raw"),
    )
    for name, columns, where in (
        ("newest", ["workspace", "id"], None),
        ("mailbox", ["mailbox_id", "received_at"], None),
        ("thread", ["workspace", "mail_digest"], "feedback_id IS NOT NULL"),
        ("feedback_id", ["feedback_id"], "feedback_id IS NOT NULL"),
        ("author", ["workspace", "author_id"], "raw IS NOT NULL"),
    ):
        op.create_index(f"ix_received_mail_{name}", "received_mail", columns, postgresql_where=where and sa.text(where))


def downgrade() -> None:
    op.drop_table("received_mail")
    op.drop_table("mailbox_progress")
    op.drop_table("mailbox")
    op.drop_table("attachment_usage")
    op.drop_table("attachment")
