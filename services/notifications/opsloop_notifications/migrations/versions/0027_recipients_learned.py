"""Recipients are learned from what others say: who said what of them, and an address that is only claimed; mailboxes that are asked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment
from opsloop_common.entry import every_workspace
from opsloop_common.migrations import hold_to_workspace

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_LEARN = """
UPDATE recipient SET learned =
    CASE WHEN email IS NULL THEN '{}' ELSE jsonb_build_object('email', teller) END
    || CASE WHEN locale IS NULL THEN '{}' ELSE jsonb_build_object('locale', teller) END
FROM (SELECT '{"source": "traits", "by": "server", "at": null}'::jsonb AS teller) AS traits
WHERE NOT is_by_hand
"""


def upgrade() -> None:
    op.add_column(
        "recipient",
        sa.Column(
            "learned",
            JSONB(none_as_null=True),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="field → who said so (learning.Teller); what is not named somebody put",
        ),
    )
    op.add_column("recipient", sa.Column("claimed_email", sa.Text, comment="beside the address: what a browser says"))
    op.add_column("recipient", sa.Column("claim", JSONB(none_as_null=True), comment="who said so (learning.Teller)"))
    with every_workspace(op.get_bind(), "recipient"):
        op.execute(_LEARN)
    op.alter_column("recipient", "learned", server_default=None)
    op.create_check_constraint(op.f("ck_recipient_claim"), "recipient", "(claimed_email IS NULL) = (claim IS NULL)")
    op.create_check_constraint(op.f("ck_recipient_claimed_email"), "recipient", "claimed_email <> email")
    op.create_table(
        "confirmation",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False, comment="the address, as suppressions know it"),
        sa.Column("person_id", sa.Uuid, nullable=False, comment="whom it was asked about last"),
        sa.Column("asked_at", Moment, nullable=False),
        sa.Column("since", Moment, nullable=False, comment="when the day began in which it is counted"),
        sa.Column("asked", sa.Integer, nullable=False, comment="how often in that day"),
        sa.PrimaryKeyConstraint("workspace", "fingerprint", name="pk_confirmation"),
    )
    op.create_index("ix_confirmation_oldest", "confirmation", ["workspace", "asked_at"])
    hold_to_workspace("confirmation")


def downgrade() -> None:
    op.drop_table("confirmation")
    op.drop_constraint(op.f("ck_recipient_claimed_email"), "recipient")
    op.drop_constraint(op.f("ck_recipient_claim"), "recipient")
    for name in ("claim", "claimed_email", "learned"):
        op.drop_column("recipient", name)
