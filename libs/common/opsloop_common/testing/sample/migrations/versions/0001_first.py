"""The first schema."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import row_level_security
from opsloop_common.plumbing import steps

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.upgrade_v1(op.get_bind())
    op.create_table(
        "note",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    for statement in row_level_security("note"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("note")
    steps.downgrade_v1(op.get_bind())
