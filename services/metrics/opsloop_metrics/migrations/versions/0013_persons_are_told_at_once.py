"""The event store hears of persons before their transaction ends: nothing waits to be told, and no block pays for noting it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_person_untold", "person")
    op.drop_column("person", "is_told")
    op.drop_index("ix_person_merge_unexported", "person_merge")
    op.drop_column("person_merge", "exported_at")


def downgrade() -> None:
    op.add_column("person_merge", sa.Column("exported_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_person_merge_unexported",
        "person_merge",
        ["workspace", "from_id"],
        postgresql_where=sa.text("exported_at IS NULL"),
    )
    op.add_column("person", sa.Column("is_told", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_person_untold", "person", ["workspace", "id"], postgresql_where=sa.text("NOT is_told"))
