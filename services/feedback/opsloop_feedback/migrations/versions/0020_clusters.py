"""Clusters: topics that several people speak of, and the posts that belong to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from opsloop_common.columns import Moment, check_in, versioned_columns
from opsloop_common.migrations import hold_to_workspace

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

COUNTS = ("posts", "this_week", "before", "authors", "s1", "s2", "s3", "s4")


def upgrade() -> None:
    op.create_table(
        "cluster",
        *versioned_columns("cluster"),
        sa.Column("name", sa.Text, comment="what people call it"),
        sa.Column("terms", ARRAY(sa.Text), nullable=False, comment="what tells it best, as its posts put it"),
        sa.Column("examples", ARRAY(sa.Uuid), nullable=False, comment="posts that are most like all of it"),
        *(sa.Column(name, sa.Integer, nullable=False) for name in COUNTS),
        sa.Column("rising", sa.Double, nullable=False),
        sa.Column("first_at", Moment, nullable=False),
        sa.Column("last_at", Moment, nullable=False),
        sa.Column("is_dismissed", sa.Boolean, nullable=False),
        sa.Column("came_from_id", sa.Uuid, comment="the one that it was part of"),
        sa.Column("merged_into_id", sa.Uuid, comment="the one that most of it belongs to since"),
        sa.CheckConstraint("posts = this_week + before AND posts = s1 + s2 + s3 + s4", name="ck_cluster_sums"),
        sa.CheckConstraint("authors BETWEEN 0 AND posts", name="ck_cluster_authors"),
    )
    op.create_index("ix_cluster_rising", "cluster", ["workspace", "rising", "id"])
    op.create_index("ix_cluster_posts", "cluster", ["workspace", "posts", "id"])
    op.create_index("ix_cluster_last", "cluster", ["workspace", "last_at", "id"])
    op.create_table(
        "cluster_member",
        sa.Column("feedback_id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("cluster_id", sa.Uuid, nullable=False),
        sa.Column("said_at", Moment, nullable=False),
        sa.Column("severity", sa.Text, nullable=False, comment="as it was when topics were last looked for"),
        sa.Column(
            "author", sa.LargeBinary, nullable=False, comment="a digest: who it was is never asked, only who else"
        ),
        sa.Column("is_excluded", sa.Boolean, nullable=False),
        check_in("severity", ("s1", "s2", "s3", "s4"), table="cluster_member"),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_cluster_member"),
        sa.ForeignKeyConstraint(
            ["feedback_id"], ["feedback.id"], name="fk_cluster_member_feedback_id_feedback", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name="fk_cluster_member_cluster_id_cluster", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_cluster_member_cluster", "cluster_member", ["workspace", "cluster_id", "said_at", "feedback_id"]
    )
    op.create_index("ix_cluster_member_cluster_id", "cluster_member", ["cluster_id"])
    hold_to_workspace("cluster", "cluster_member")


def downgrade() -> None:
    op.drop_table("cluster_member")
    op.drop_table("cluster")
