"""How people are reached is handed on; domain events are found by whom they are about, and none tells who was erased."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in
from opsloop_common.entry import every_workspace
from opsloop_common.migrations import hold_to_workspace

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with every_workspace(op.get_bind(), "domain_event"):
        op.execute("DELETE FROM domain_event WHERE type = 'user.erased'")
    op.create_index(
        "ix_domain_event_user_id",
        "domain_event",
        ["workspace", "user_id"],
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "contact",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("means", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("said_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "user_id", "means", name="pk_contact"),
        check_in("means", ("email", "locale"), table="contact"),
    )
    hold_to_workspace("contact")


def downgrade() -> None:
    op.drop_table("contact")
    op.drop_index("ix_domain_event_user_id", "domain_event")
