"""The first schema: campaigns, their recipients, playbooks and their runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.entry import row_level_security
from opsloop_common.plumbing import steps

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("campaign", "recipient", "playbook", "playbook_run")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    steps.upgrade_v1(op.get_bind())
    create_campaign()
    create_recipient()
    create_playbook()
    create_playbook_run()
    for table in TABLES:
        for statement in row_level_security(table):
            op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    steps.downgrade_v1(op.get_bind())


def create_campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("user_ids", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("audience_size", sa.Integer, nullable=False),
        sa.Column("messages", JSONB, nullable=False),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("requested_through", sa.Text, nullable=False),
        sa.Column("schedule_at", TIME),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("edited_by", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text),
        sa.Column("approved_at", TIME),
        sa.Column("playbook_id", sa.Uuid),
        sa.Column("trigger_event_id", sa.Uuid),
        sa.Column("trigger_type", sa.Text),
        sa.Column("incident_id", sa.Text),
        sa.Column("cause", JSONB),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
        sa.CheckConstraint(
            "status IN ('draft', 'pending_approval', 'approved', 'scheduled', 'running', 'paused', 'finished', "
            "'cancelled', 'archived')",
            name="ck_campaign_status",
        ),
        sa.CheckConstraint("status <> 'scheduled' OR schedule_at IS NOT NULL", name="ck_campaign_scheduled_has_start"),
        sa.CheckConstraint("(trigger_event_id IS NULL) = (trigger_type IS NULL)", name="ck_campaign_trigger"),
    )
    op.create_index("ix_campaign_newest", "campaign", ["workspace", sa.text("created_at DESC"), sa.text("id DESC")])


def create_recipient() -> None:
    op.create_table(
        "recipient",
        sa.Column("campaign_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("locale", sa.Text),
        sa.Column("message_id", sa.Uuid, nullable=False),
        sa.Column("notification_id", sa.Uuid),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "user_id", name="pk_recipient"),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_recipient_campaign_id_campaign", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'requested', 'sent', 'failed', 'skipped', 'cancelled')", name="ck_recipient_status"
        ),
        sa.CheckConstraint(
            "reason IS NOT NULL OR status NOT IN ('failed', 'skipped', 'cancelled')", name="ck_recipient_has_reason"
        ),
    )
    requested = sa.text("status = 'requested'")
    op.create_index("ix_recipient_requested", "recipient", ["campaign_id"], postgresql_where=requested)


def create_playbook() -> None:
    op.create_table(
        "playbook",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("conditions", JSONB, nullable=False),
        sa.Column("cooldown", sa.Interval),
        sa.Column("requires_approval", sa.Boolean, nullable=False),
        sa.Column("launch", JSONB, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("last_run_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_playbook"),
        sa.CheckConstraint("cooldown >= INTERVAL '0'", name="ck_playbook_cooldown"),
    )
    enabled = sa.text("enabled")
    op.create_index("ix_playbook_listening", "playbook", ["workspace", "event_type"], postgresql_where=enabled)
    op.create_index("ix_playbook_newest", "playbook", ["workspace", sa.text("created_at DESC"), sa.text("id DESC")])


def create_playbook_run() -> None:
    op.create_table(
        "playbook_run",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("playbook_id", sa.Uuid, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("once_key", sa.Text, nullable=False, comment="the incident, or the event where there is none"),
        sa.Column("incident_id", sa.Text),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("campaign_id", sa.Uuid),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_playbook_run"),
        sa.ForeignKeyConstraint(
            ["playbook_id"], ["playbook.id"], name="fk_playbook_run_playbook_id_playbook", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("playbook_id", "event_id", name="uq_playbook_run_event"),
        sa.CheckConstraint(
            "outcome IN ('launched', 'approval_requested', 'cooling_down', 'already_run', 'too_deep', 'too_large')",
            name="ck_playbook_run_outcome",
        ),
        sa.CheckConstraint(
            "(campaign_id IS NOT NULL) = (outcome IN ('launched', 'approval_requested'))",
            name="ck_playbook_run_has_campaign",
        ),
    )
    launched = sa.text("campaign_id IS NOT NULL")
    op.create_index(
        "uq_playbook_run_once", "playbook_run", ["playbook_id", "once_key"], unique=True, postgresql_where=launched
    )
    op.create_index("ix_playbook_run_newest", "playbook_run", ["playbook_id", sa.text("at DESC"), sa.text("id DESC")])
