"""With what was refused stands whom it may be of, so that it is forgotten with them however they are written in it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rejection", sa.Column("ids", ARRAY(sa.Text)))


def downgrade() -> None:
    op.drop_column("rejection", "ids")
