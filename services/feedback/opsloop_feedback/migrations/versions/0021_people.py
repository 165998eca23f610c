"""People over several channels, and who may be the same."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.entry import every_workspace
from opsloop_common.migrations import hold_to_workspace

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_KNOWN_BY = "coalesce('id:' || author_user_id, 'mail:' || lower(author_email))"
_PEOPLE = f"""INSERT INTO person (id, workspace, version, created_at, updated_at, known_by, is_verified, name)
SELECT gen_random_uuid(), workspace, 1, min(created_at), min(created_at), {_KNOWN_BY}, author_verified,
(array_agg(author_name ORDER BY created_at))[1]
FROM feedback WHERE {_KNOWN_BY} IS NOT NULL GROUP BY workspace, {_KNOWN_BY}, author_verified"""
_IDENTITIES = f"""INSERT INTO person_identity (workspace, person_id, source, channel, email, since)
SELECT p.workspace, p.id, f.source, f.channel, coalesce(lower(f.author_email), ''), min(f.created_at)
FROM person p JOIN feedback f ON f.workspace = p.workspace AND f.author_verified = p.is_verified AND p.known_by = {_KNOWN_BY}
GROUP BY 1, 2, 3, 4, 5"""
_SUGGESTIONS = """INSERT INTO person_suggestion (id, workspace, person_id, other_id, reason, created_at)
SELECT gen_random_uuid(), a.workspace, a.person_id, b.person_id, 'same_email', now()
FROM (SELECT DISTINCT workspace, email, person_id FROM person_identity WHERE email <> '') a
CROSS JOIN LATERAL (SELECT DISTINCT i.person_id FROM person_identity i
WHERE i.workspace = a.workspace AND i.email = a.email AND i.person_id > a.person_id LIMIT 10) b ON CONFLICT DO NOTHING"""
_CLAIMS = """INSERT INTO person_suggestion (id, workspace, person_id, other_id, reason, created_at)
SELECT gen_random_uuid(), a.workspace, least(a.id, b.id), greatest(a.id, b.id), 'claimed_user_id', now()
FROM person a JOIN person b ON b.workspace = a.workspace AND b.known_by = a.known_by AND a.is_verified AND NOT b.is_verified
WHERE a.known_by LIKE 'id:%' ON CONFLICT DO NOTHING"""


def upgrade() -> None:
    op.create_table(
        "person",
        *versioned_columns("person"),
        sa.Column("known_by", sa.Text, comment="id:<user_id> or mail:<address>; null once erased"),
        sa.Column("is_verified", sa.Boolean, nullable=False, comment="false where a browser's key claims who it is"),
        sa.Column("name", sa.Text),
        sa.Column("joined_id", sa.Uuid, comment="whom somebody merged it into: the way back"),
        sa.Column("merged_into_id", sa.Uuid, comment="who stands for it; never one that another stands for"),
        sa.UniqueConstraint("workspace", "known_by", "is_verified", name="uq_person_known_by"),
        sa.CheckConstraint("merged_into_id <> id AND joined_id <> id", name="ck_person_itself"),
        sa.CheckConstraint("(merged_into_id IS NULL) = (joined_id IS NULL)", name="ck_person_joined"),
        sa.ForeignKeyConstraint(["joined_id"], ["person.id"], name="fk_person_joined_id_person"),
        sa.ForeignKeyConstraint(["merged_into_id"], ["person.id"], name="fk_person_merged_into_id_person"),
    )
    op.create_index("ix_person_newest", "person", ["workspace", "created_at", "id"])
    is_merged = sa.text("merged_into_id IS NOT NULL")
    op.create_index("ix_person_merged_into", "person", ["workspace", "merged_into_id"], postgresql_where=is_merged)
    op.create_table(
        "person_identity",
        sa.Column("person_id", sa.Uuid, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("source", "channel", "email", "workspace")),
        sa.Column("since", Moment, nullable=False),
        sa.PrimaryKeyConstraint("person_id", "source", "channel", "email", name="pk_person_identity"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name="fk_person_identity_person_id_person", ondelete="CASCADE"
        ),
    )
    has_email = sa.text("email <> ''")
    mails = ["workspace", "email", "since"]
    op.create_index("ix_person_identity_email", "person_identity", mails, postgresql_where=has_email)
    op.create_table(
        "person_suggestion",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("other_id", sa.Uuid, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("dismissed_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_person_suggestion"),
        sa.UniqueConstraint("workspace", "person_id", "other_id", name="uq_person_suggestion_pair"),
        check_in("reason", ("same_email", "claimed_user_id"), table="person_suggestion"),
        sa.CheckConstraint("person_id < other_id", name="ck_person_suggestion_one_way_round"),
        *(
            sa.ForeignKeyConstraint(
                [name], ["person.id"], name=f"fk_person_suggestion_{name}_person", ondelete="CASCADE"
            )
            for name in ("person_id", "other_id")
        ),
    )
    is_open = sa.text("dismissed_at IS NULL")
    newest = ["workspace", "created_at", "id"]
    op.create_index("ix_person_suggestion_open", "person_suggestion", newest, postgresql_where=is_open)
    op.create_index("ix_person_suggestion_other", "person_suggestion", ["other_id"])
    for table in ("person", "person_identity", "person_suggestion"):
        hold_to_workspace(table)
    _find_who_was_there()


def _find_who_was_there() -> None:
    bind = op.get_bind()
    with (
        every_workspace(bind, "feedback"),
        every_workspace(bind, "person"),
        every_workspace(bind, "person_identity"),
        every_workspace(bind, "person_suggestion"),
    ):
        for statement in (_PEOPLE, _IDENTITIES, _SUGGESTIONS, _CLAIMS):
            op.execute(statement)


def downgrade() -> None:
    for table in ("person_suggestion", "person_identity", "person"):
        op.drop_table(table)
