"""Whether authors are satisfied with how their posts were resolved."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment
from opsloop_common.migrations import hold_to_workspace

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "csat_settings",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("delay", sa.Interval, nullable=False),
        sa.Column("quiet", sa.Interval, nullable=False),
        sa.PrimaryKeyConstraint("workspace", name="pk_csat_settings"),
        sa.CheckConstraint("delay BETWEEN interval '0' AND interval '30 days'", name="ck_csat_settings_delay"),
        sa.CheckConstraint("quiet BETWEEN interval '0' AND interval '366 days'", name="ck_csat_settings_quiet"),
    )
    op.create_table(
        "csat_response",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("resolved_at", Moment, nullable=False, comment="which resolution"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("source", "channel", "severity")),
        *(sa.Column(name, sa.Text) for name in ("assignee", "team")),
        sa.Column("person", sa.Text, comment="who was asked, so that they are left alone for a while"),
        sa.Column("asked_at", Moment),
        sa.Column("sent_at", Moment),
        sa.Column("failure", sa.Text, comment="why the question did not go out"),
        sa.Column("score", sa.SmallInteger),
        sa.Column("comment", sa.Text),
        sa.Column("answered_at", Moment),
        sa.Column("changed_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_csat_response"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_csat_response_feedback_id_feedback", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("feedback_id", "resolved_at", name="uq_csat_response_feedback_id_resolved_at"),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name="ck_csat_response_score"),
        sa.CheckConstraint("(score IS NULL) = (answered_at IS NULL)", name="ck_csat_response_answered"),
        sa.CheckConstraint("(score IS NULL) = (changed_at IS NULL)", name="ck_csat_response_changed"),
        sa.CheckConstraint("comment IS NULL OR score IS NOT NULL", name="ck_csat_response_comment"),
        sa.CheckConstraint("asked_at IS NOT NULL OR answered_at IS NOT NULL", name="ck_csat_response_known"),
    )
    for name, columns, where in (
        ("answered", ["workspace", "answered_at", "id"], "answered_at IS NOT NULL"),
        ("asked", ["workspace", "asked_at"], "asked_at IS NOT NULL"),
        ("person", ["workspace", "person", "asked_at"], "person IS NOT NULL"),
    ):
        op.create_index(f"ix_csat_response_{name}", "csat_response", columns, postgresql_where=sa.text(where))
    for table in ("csat_settings", "csat_response"):
        hold_to_workspace(table)


def downgrade() -> None:
    for table in ("csat_response", "csat_settings"):
        op.drop_table(table)
