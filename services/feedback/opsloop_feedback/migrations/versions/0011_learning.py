"""What people corrected, what triage learnt of it, and what a team decides by rules of its own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from opsloop_common.columns import Moment, check_in, versioned_columns
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
    op.create_table(
        "triage_rule",
        *versioned_columns("triage_rule"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("when", JSONB, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("severity", sa.Text),
        sa.Column("area", sa.Text),
        sa.Column("add_tags", ARRAY(sa.Text), nullable=False),
        sa.UniqueConstraint("workspace", "name", name="uq_triage_rule_workspace_name"),
        check_in("kind", ("bug", "idea", "question", "complaint", "praise", "other"), table="triage_rule"),
        check_in("severity", ("s1", "s2", "s3", "s4"), table="triage_rule"),
        sa.CheckConstraint(
            "kind IS NOT NULL OR severity IS NOT NULL OR area IS NOT NULL OR cardinality(add_tags) > 0",
            name="ck_triage_rule_decides",
        ),
    )
    op.create_table(
        "taxonomy_area",
        *versioned_columns("taxonomy_area"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("parent_id", sa.Uuid),
        sa.Column("words", ARRAY(sa.Text), nullable=False),
        sa.UniqueConstraint("workspace", "name", name="uq_taxonomy_area_workspace_name"),
        sa.CheckConstraint("parent_id <> id", name="ck_taxonomy_area_parent_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["taxonomy_area.id"], name="fk_taxonomy_area_parent_id_taxonomy_area"),
    )
    op.create_index("ix_taxonomy_area_parent_id", "taxonomy_area", ["parent_id"])
    hold_to_workspace("triage_correction", "triage_model", "triage_rule", "taxonomy_area")


def downgrade() -> None:
    op.drop_table("taxonomy_area")
    op.drop_table("triage_rule")
    op.drop_table("triage_model")
    op.drop_table("triage_correction")
