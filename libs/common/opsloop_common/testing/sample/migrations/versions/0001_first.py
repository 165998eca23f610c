"""The first schema."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment
from opsloop_common.migrations import hold_to_workspace
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
        sa.Column("created_at", Moment, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", Moment, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    hold_to_workspace("note")


def downgrade() -> None:
    op.drop_table("note")
    steps.downgrade_v1(op.get_bind())
