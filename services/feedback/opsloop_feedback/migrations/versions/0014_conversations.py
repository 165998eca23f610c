"""Messages say who spoke, by which channel, what it is called there, and what became of sending it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import check_in

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
TABLE = "feedback_message"
NEW = ("said_by", "channel", "external_id", "addressee_id", "delivery", "waits_for", "sent_at", "failure")


def upgrade() -> None:
    # what there is was written by us and went nowhere
    op.add_column(TABLE, sa.Column("said_by", sa.Text, nullable=False, server_default="staff"))
    op.add_column(TABLE, sa.Column("channel", sa.Text))
    op.add_column(TABLE, sa.Column("external_id", sa.Text))
    op.add_column(TABLE, sa.Column("addressee_id", sa.Uuid))
    op.add_column(TABLE, sa.Column("delivery", sa.Text, nullable=False, server_default="none"))
    op.add_column(TABLE, sa.Column("waits_for", pg.ARRAY(sa.Text), nullable=False, server_default="{}"))
    op.add_column(TABLE, sa.Column("sent_at", sa.DateTime(timezone=True)))
    op.add_column(TABLE, sa.Column("failure", sa.Text))
    for name in ("said_by", "delivery", "waits_for"):
        op.alter_column(TABLE, name, server_default=None)
    for check in (
        check_in("said_by", ("author", "staff"), table=TABLE),
        check_in("delivery", ("none", "waiting", "readable", "sent", "failed"), table=TABLE),
        sa.CheckConstraint("said_by = 'staff' OR kind = 'reply'", name=f"ck_{TABLE}_author"),
        sa.CheckConstraint("(delivery = 'waiting') = (waits_for <> '{}')", name=f"ck_{TABLE}_waits"),
        sa.CheckConstraint("(delivery = 'sent') = (sent_at IS NOT NULL)", name=f"ck_{TABLE}_sent"),
        sa.CheckConstraint("(delivery = 'failed') <= (failure IS NOT NULL)", name=f"ck_{TABLE}_failed"),
        sa.CheckConstraint("delivery = 'none' OR (kind = 'reply' AND said_by = 'staff')", name=f"ck_{TABLE}_goes"),
    ):
        op.create_check_constraint(check.name, TABLE, check.sqltext)
    op.create_index(
        "uq_feedback_message_external_id",
        TABLE,
        ["feedback_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("uq_feedback_message_external_id", TABLE)
    for name in ("author", "waits", "sent", "failed", "goes"):
        op.drop_constraint(f"ck_{TABLE}_{name}", TABLE)
    for name in NEW:
        op.drop_column(TABLE, name)
