"""Templates and their versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "template",
        *versioned_columns("template"),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("contents", JSONB, nullable=False),
        sa.Column("sample", JSONB, nullable=False, comment="data to look at it with"),
        sa.Column("latest_version", sa.Integer, nullable=False),
        sa.Column("published_version", sa.Integer, comment="what messages say; null: nothing yet"),
        sa.UniqueConstraint("workspace", "key", name="uq_template_workspace_key"),
        sa.CheckConstraint(
            "published_version BETWEEN 1 AND latest_version", name=op.f("ck_template_published_version")
        ),
    )
    op.create_index("ix_template_newest", "template", ["workspace", "id"])
    op.create_table(
        "template_version",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("template_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("contents", JSONB, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("template_id", "number", name="pk_template_version"),
        sa.ForeignKeyConstraint(
            ["template_id"], ["template.id"], name="fk_template_version_template_id_template", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_template_version_newest", "template_version", ["workspace", "template_id", "number"])
    hold_to_workspace("template", "template_version")


def downgrade() -> None:
    op.drop_table("template_version")
    op.drop_table("template")
