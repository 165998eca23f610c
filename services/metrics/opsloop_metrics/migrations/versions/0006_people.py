"""Persons: ids, traits, groups, merges, and the digests of those that were erased."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("person", "person_alias", "person_merge", "group_profile", "person_group", "erased_person")


def upgrade() -> None:
    op.create_table(
        "person",
        *versioned_columns("person"),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("is_identified", sa.Boolean, nullable=False),
        sa.Column("traits", JSONB, nullable=False),
        sa.Column("set_at", JSONB, nullable=False),
        sa.Column("is_told", sa.Boolean, nullable=False),
    )
    op.create_index("ix_person_newest", "person", ["workspace", "first_seen_at", "id"])
    op.create_index("ix_person_untold", "person", ["workspace", "id"], postgresql_where=sa.text("NOT is_told"))
    create_alias()
    create_merge()
    create_groups()
    op.create_table(
        "erased_person",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("erased_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "digest", name="pk_erased_person"),
    )
    for table in TABLES:
        hold_to_workspace(table)


def create_alias() -> None:
    op.create_table(
        "person_alias",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("distinct_id", sa.Text, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("is_identified", sa.Boolean, nullable=False),
        sa.Column("is_claimed", sa.Boolean, nullable=False),
        sa.Column("met_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "distinct_id", name="pk_person_alias"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name="fk_person_alias_person_id_person", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_person_alias_person_id", "person_alias", ["person_id", "distinct_id"])


def create_merge() -> None:
    op.create_table(
        "person_merge",
        sa.Column("from_id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("into_id", sa.Uuid, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("exported_at", Moment),
        sa.PrimaryKeyConstraint("from_id", name="pk_person_merge"),
        sa.ForeignKeyConstraint(["into_id"], ["person.id"], name="fk_person_merge_into_id_person", ondelete="CASCADE"),
    )
    op.create_index("ix_person_merge_into_id", "person_merge", ["into_id", "at", "from_id"])
    op.create_index(
        "ix_person_merge_unexported",
        "person_merge",
        ["workspace", "from_id"],
        postgresql_where=sa.text("exported_at IS NULL"),
    )


def create_groups() -> None:
    op.create_table(
        "group_profile",
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("traits", JSONB, nullable=False),
        sa.Column("set_at", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "type", "key", name="pk_group_profile"),
    )
    op.create_table(
        "person_group",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "type", "key", name="pk_person_group"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name="fk_person_group_person_id_person", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
