"""Who gets posts, what is said to their authors again and again, and several changes as one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_routing()
    create_replies()
    create_watcher()
    hold_to_workspace("routing_rule", "routing_turn", "canned_reply", "macro", "feedback_watcher")


def create_routing() -> None:
    op.create_table(
        "routing_rule",
        *versioned_columns("routing_rule"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("when", pg.JSONB, nullable=False),
        sa.Column("team_id", sa.Uuid, comment="of a team that may be gone"),
        sa.Column("assignee", sa.Text),
        sa.Column("pick", sa.Text, nullable=False),
        sa.Column("within_hours", sa.Boolean, nullable=False),
        sa.Column("escalate_after", sa.Interval),
        sa.Column("escalate_team_id", sa.Uuid),
        sa.Column("escalate_assignee", sa.Text),
        check_in("pick", ("nobody", "round_robin", "least_loaded"), table="routing_rule"),
        sa.CheckConstraint("team_id IS NOT NULL OR assignee IS NOT NULL", name="ck_routing_rule_somebody"),
        sa.CheckConstraint(
            "(escalate_after IS NULL) = (escalate_team_id IS NULL AND escalate_assignee IS NULL)",
            name="ck_routing_rule_escalation",
        ),
    )
    op.create_index("ix_routing_rule_workspace_position", "routing_rule", ["workspace", "position", "id"])
    op.create_table(
        "routing_turn",
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("team_id", "user_id", name="pk_routing_turn"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name="fk_routing_turn_team_id_team", ondelete="CASCADE"),
    )
    op.create_index(
        "ix_feedback_in_hand",
        "feedback",
        ["workspace", "assignee"],
        postgresql_where=sa.text("assignee IS NOT NULL AND status IN ('new', 'open', 'pending', 'snoozed')"),
    )


def create_replies() -> None:
    op.create_table(
        "canned_reply",
        *versioned_columns("canned_reply"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("texts", pg.JSONB, nullable=False),
    )
    op.create_index("ix_canned_reply_workspace_id", "canned_reply", ["workspace", "id"])
    op.create_table(
        "macro",
        *versioned_columns("macro"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("canned_reply_id", sa.Uuid, comment="of one that may be gone"),
        sa.Column("note", sa.Text),
        sa.Column("add_tags", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("remove_tags", pg.ARRAY(sa.Text), nullable=False),
        sa.Column("status", sa.Text),
        sa.Column("team", sa.Text),
        sa.Column("assignee", sa.Text),
        check_in("status", ("open", "pending", "snoozed", "resolved", "closed"), table="macro"),
    )
    op.create_index("ix_macro_workspace_id", "macro", ["workspace", "id"])


def create_watcher() -> None:
    op.create_table(
        "feedback_watcher",
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("feedback_id", "user_id", name="pk_feedback_watcher"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_feedback_watcher_feedback_id_feedback", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_feedback_in_hand", "feedback")
    for table in ("feedback_watcher", "macro", "canned_reply", "routing_turn", "routing_rule"):
        op.drop_table(table)
