"""Segments, who is in them, and what their people are like."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = ("segment", "segment_member", "persona", "persona_version")


def upgrade() -> None:
    op.create_table(
        "segment",
        *versioned_columns("segment"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("definition", JSONB),
        sa.Column("size", sa.Integer, nullable=False, comment="members when it was refreshed or changed last"),
        sa.Column("refreshed_at", Moment, comment="the instant that its members are of"),
        sa.Column("error", sa.Text, comment="why the last refresh did not come to its end"),
        sa.Column("job_id", sa.Uuid),
        sa.Column("as_of", Moment),
        sa.Column(
            "is_stale",
            sa.Boolean,
            nullable=False,
            comment="it, or what it asks for, changed since its refresh began",
        ),
        sa.Column("bucket", sa.Integer, nullable=False),
        sa.Column("buckets", sa.Integer),
        check_in("kind", ("dynamic", "static"), table="segment"),
        sa.CheckConstraint("(kind = 'dynamic') = (definition IS NOT NULL)", name="ck_segment_definition"),
        sa.CheckConstraint("(as_of IS NULL) = (buckets IS NULL)", name="ck_segment_as_of"),
        sa.CheckConstraint("bucket >= 0 AND (buckets IS NULL OR bucket < buckets)", name="ck_segment_bucket"),
    )
    op.create_index("ix_segment_newest", "segment", ["workspace", "id"])
    op.create_table(
        "segment_member",
        sa.Column("segment_id", sa.Uuid, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("entered_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "person_id", name="pk_segment_member"),
    )
    op.create_index("ix_segment_member_entered", "segment_member", ["segment_id", "entered_at", "person_id"])
    op.create_index("ix_segment_member_user_id", "segment_member", ["workspace", "user_id"])
    words = [
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("summary", sa.Text),
        *(sa.Column(name, JSONB, nullable=False) for name in ("needs", "pains", "quotes")),
    ]
    op.create_table(
        "persona",
        sa.Column("segment_id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        *(column._copy() for column in words),
        sa.PrimaryKeyConstraint("segment_id", name="pk_persona"),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name="fk_persona_segment_id_segment", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "persona_version",
        sa.Column("segment_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        *words,
        sa.Column("written_at", Moment, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "version", name="pk_persona_version"),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["persona.segment_id"],
            name="fk_persona_version_segment_id_persona",
            ondelete="CASCADE",
        ),
    )
    for table in TABLES:
        hold_to_workspace(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
