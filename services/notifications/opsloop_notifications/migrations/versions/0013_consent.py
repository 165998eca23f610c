"""Consent: what people want to hear and when, topics, and addresses that get nothing."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import check_in, versioned_columns
from opsloop_common.entry import every_workspace, every_workspace_policy
from opsloop_common.migrations import hold_to_workspace
from opsloop_notifications.recipients.rules import person_id

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
_NEW = ("asked_at", "quiet_end", "quiet_start", "wanted", "time_zone", "name", "state", "person_id")


def upgrade() -> None:
    _extend_recipient()
    _create_topic()
    _create_suppression()
    op.add_column("message", sa.Column("topic", sa.Text, nullable=False, server_default="general"))
    op.add_column(
        "message", sa.Column("time_zone", sa.Text, nullable=False, server_default="UTC", comment="the workspace's")
    )
    op.add_column("notification", sa.Column("topic", sa.Text, nullable=False, server_default="general"))
    op.add_column(
        "notification",
        sa.Column("deferred_until", MOMENT, nullable=True, comment="the person is left alone until then"),
    )
    for table, column in (("message", "topic"), ("message", "time_zone"), ("notification", "topic")):
        op.alter_column(table, column, server_default=None)
    for table in ("recipient", "notification_topic", "suppression"):
        for statement in every_workspace_policy(table, command="SELECT"):
            op.execute(statement)


def _extend_recipient() -> None:
    for column in (
        sa.Column("person_id", sa.Uuid, nullable=True, comment="rules.person_id of both: what links and events carry"),
        sa.Column("state", sa.Text, nullable=False, server_default="confirmed", comment="of the address"),
        sa.Column("name", sa.Text, nullable=True),
        sa.Column("time_zone", sa.Text, nullable=True, comment="null: the workspace's"),
        sa.Column(
            "wanted",
            JSONB(none_as_null=True),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="topic → channel → whether it is wanted",
        ),
        sa.Column("quiet_start", sa.Time, nullable=True, comment="of the night in the person's zone"),
        sa.Column("quiet_end", sa.Time, nullable=True),
        sa.Column("asked_at", MOMENT, nullable=True, comment="when they were asked to confirm the address"),
    ):
        op.add_column("recipient", column)
    connection = op.get_bind()
    with every_workspace(connection, "recipient"):
        rows = connection.execute(sa.text("SELECT workspace, user_id FROM recipient")).all()
        ids = [{"w": row.workspace, "u": row.user_id, "id": person_id(row.workspace, row.user_id)} for row in rows]
        if ids:
            set_id = sa.text("UPDATE recipient SET person_id = :id WHERE workspace = :w AND user_id = :u")
            connection.execute(set_id.bindparams(sa.bindparam("id", type_=sa.Uuid)), ids)
    op.alter_column("recipient", "person_id", nullable=False)
    op.alter_column("recipient", "state", server_default=None)
    op.alter_column("recipient", "wanted", server_default=None)
    states = check_in("state", ("unconfirmed", "confirmed", "bounced", "complained"), table="recipient")
    op.create_check_constraint(op.f(str(states.name)), "recipient", states.sqltext)
    op.create_check_constraint(
        op.f("ck_recipient_quiet_hours"), "recipient", "(quiet_start IS NULL) = (quiet_end IS NULL)"
    )
    op.create_unique_constraint(op.f("uq_recipient_workspace_person_id"), "recipient", ["workspace", "person_id"])
    op.create_index("ix_recipient_address", "recipient", ["workspace", sa.text("lower(email)")])
    op.create_index("ix_recipient_newest", "recipient", ["workspace", "created_at", "user_id"])


def _create_topic() -> None:
    op.create_table(
        "notification_topic",
        *versioned_columns("notification_topic"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False, comment="as people read it on the page of a link"),
        sa.Column("name_zh", sa.Text, nullable=True),
        sa.Column("is_on", sa.Boolean, nullable=False, comment="for people who said nothing"),
        sa.Column("is_critical", sa.Boolean, nullable=False, comment="passes preferences, quiet hours and throttle"),
        sa.Column("throttle_count", sa.Integer, nullable=True),
        sa.Column("throttle_window", sa.Interval, nullable=True),
        sa.UniqueConstraint("workspace", "key", name="uq_notification_topic_workspace_key"),
        sa.CheckConstraint(
            "(throttle_count IS NULL) = (throttle_window IS NULL)", name="ck_notification_topic_throttle"
        ),
    )
    op.create_index("ix_notification_topic_newest", "notification_topic", ["workspace", "id"])
    hold_to_workspace("notification_topic")


def _create_suppression() -> None:
    op.create_table(
        "suppression",
        *versioned_columns("suppression"),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="rules.fingerprint"),
        sa.Column("address", sa.Text, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=True),
        check_in("reason", ("hard_bounce", "complaint", "unsubscribe", "manual"), table="suppression"),
        sa.UniqueConstraint("workspace", "fingerprint", name="uq_suppression_workspace_fingerprint"),
    )
    op.create_index("ix_suppression_newest", "suppression", ["workspace", "id"])
    hold_to_workspace("suppression")


def downgrade() -> None:
    op.execute('DROP POLICY worker ON "recipient"')
    op.drop_column("notification", "deferred_until")
    op.drop_column("notification", "topic")
    op.drop_column("message", "time_zone")
    op.drop_column("message", "topic")
    op.drop_table("suppression")
    op.drop_table("notification_topic")
    op.drop_index("ix_recipient_newest", "recipient")
    op.drop_index("ix_recipient_address", "recipient")
    op.drop_constraint(op.f("uq_recipient_workspace_person_id"), "recipient", type_="unique")
    op.drop_constraint(op.f("ck_recipient_quiet_hours"), "recipient", type_="check")
    op.drop_constraint(op.f("ck_recipient_state"), "recipient", type_="check")
    for column in _NEW:
        op.drop_column("recipient", column)
