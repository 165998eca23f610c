"""Posts say who sent them: natural keys are per source, and so is what a sender is told.

What is stored has no source. The event that told of a post names the key that sent it, for as long as it is kept (14 days after
it went out); a post whose event is gone belongs to the only source that its workspace has, or else to `unattributed`, which no
key speaks for: what its sender posts again under the same external_id is then a new post, and nothing is lost.
"""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import every_workspace

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ATTRIBUTE = """
WITH poster AS (
    SELECT workspace, id, source FROM api_key
    WHERE NOT publishable AND scopes && ARRAY['feedback:submit', 'feedback:write', 'feedback:admin']
), told AS (
    SELECT event.stream, event.workspace, CASE
        WHEN event.actor = 'key:operator' THEN 'operator'
        WHEN event.actor LIKE 'user:%' THEN 'people'
        ELSE api_key.source END AS source
    FROM (
        SELECT stream, payload::json ->> 'workspace' AS workspace, payload::json ->> 'actor' AS actor
        FROM outbox WHERE type = 'feedback.received'
    ) AS event LEFT JOIN api_key ON event.actor = 'key:' || api_key.id
), candidate AS (
    SELECT workspace, source FROM poster
    UNION SELECT workspace, source FROM told WHERE source IS NOT NULL
    UNION SELECT 'default', 'operator' WHERE NOT EXISTS (SELECT FROM poster WHERE workspace = 'default')
), only_one AS (
    SELECT workspace, min(source) AS source FROM candidate GROUP BY workspace HAVING count(*) = 1
)
UPDATE feedback SET source = coalesce(told.source, only_one.source)
FROM feedback AS post
LEFT JOIN told ON told.stream = 'feedback/' || post.id
LEFT JOIN only_one ON only_one.workspace = post.workspace
WHERE feedback.id = post.id AND coalesce(told.source, only_one.source) IS NOT NULL
"""
# one external_id of several sources on a channel: it stays with the oldest post
ONE_EACH = """
UPDATE feedback SET external_id = NULL, version = version + 1
FROM (
    SELECT id, row_number() OVER (PARTITION BY workspace, channel, external_id ORDER BY created_at, number) AS place
    FROM feedback WHERE external_id IS NOT NULL
) AS known
WHERE known.id = feedback.id AND known.place > 1
"""


def upgrade() -> None:
    # the defaults fill the columns without a rewrite of the table, and then go: who posts always says so
    op.add_column(
        "feedback",
        sa.Column(
            "source",
            sa.Text,
            server_default="unattributed",
            nullable=False,
            comment="who posted it; 'unattributed' where that was not kept",
        ),
    )
    op.add_column(
        "feedback",
        sa.Column(
            "author_verified",
            sa.Boolean,
            server_default=sa.true(),
            nullable=False,
            comment="false where a browser's key claims who the author is",
        ),
    )
    replace_index(["workspace", "external_id", "source", "channel"], after=ATTRIBUTE)
    op.alter_column("feedback", "source", server_default=None)
    op.alter_column("feedback", "author_verified", server_default=None)


def downgrade() -> None:
    replace_index(["workspace", "channel", "external_id"], after=ONE_EACH)
    op.drop_column("feedback", "author_verified")
    op.drop_column("feedback", "source")


def replace_index(columns: list[str], *, after: str) -> None:
    """Change rows of all workspaces, and index them anew."""
    op.drop_index("uq_feedback_external_id", "feedback")
    with every_workspace(op.get_bind(), "feedback"):
        op.execute(after)
    op.create_index(
        "uq_feedback_external_id",
        "feedback",
        columns,
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
    )
