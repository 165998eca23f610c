"""What people corrected, and what triage learnt of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, check_in
from opsloop_common.migrations import hold_to_workspace

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FIELDS = ("kind", "severity", "area")


def upgrade() -> None:
    op.create_table(
        "triage_correction",
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False, comment="what triage said; '' is no area"),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("corrected_by", sa.Text, nullable=False),
        sa.Column("corrected_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("feedback_id", "field", name="pk_triage_correction"),
        check_in("field", FIELDS, table="triage_correction"),
    )
    op.create_index("ix_triage_correction_newest", "triage_correction", ["workspace", "field", "corrected_at"])
    op.create_table(
        "triage_model",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("corrections", sa.Integer, nullable=False),
        sa.Column("lessons", sa.Integer, nullable=False),
        sa.Column("rules_score", sa.Double, nullable=False),
        sa.Column("learner_score", sa.Double, nullable=False),
        sa.Column("trained_at", Moment, nullable=False),
        sa.Column("document", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "field", name="pk_triage_model"),
        check_in("field", FIELDS, table="triage_model"),
    )
    hold_to_workspace("triage_correction", "triage_model")


def downgrade() -> None:
    op.drop_table("triage_model")
    op.drop_table("triage_correction")
