"""Endpoints may be bound to one source, whose posts' states alone they are told."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("source", sa.Text))
    op.create_check_constraint(
        op.f("ck_webhook_source"), "webhook", "source IS NULL OR (about = 'events' AND format = 'cloudevents')"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_webhook_source"), "webhook", type_="check")
    op.drop_column("webhook", "source")
