"""Files of posts, and what came with them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from opsloop_common.columns import Moment, check_in
from opsloop_common.migrations import hold_to_workspace

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLE = "feedback_import"


def upgrade() -> None:
    op.add_column(
        "feedback", sa.Column("import_id", sa.Uuid, comment="the file that it came with, which may be forgotten")
    )
    voters = "who else wanted it where it comes from, nobody knows whom"
    op.add_column("feedback", sa.Column("voters", sa.Integer, nullable=False, server_default="0", comment=voters))
    op.create_check_constraint(op.f("ck_feedback_voters"), "feedback", "voters >= 0")
    where = "where it was said, as who posted it has it; only shown"
    op.add_column("feedback", sa.Column("source_url", sa.Text, comment=where))
    op.add_column("feedback", sa.Column("entered_by", sa.Text, comment="who wrote down what somebody else said"))
    op.create_index(
        "ix_feedback_import",
        "feedback",
        ["workspace", "import_id", "id"],
        postgresql_where=sa.text("import_id IS NOT NULL"),
    )
    _create_import()
    op.create_table(
        f"{TABLE}_error",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("row", sa.BigInteger, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("field", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "row", name=f"pk_{TABLE}_error"),
        _of_import("error"),
    )
    op.create_table(
        f"{TABLE}_key",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "digest", name=f"pk_{TABLE}_key"),
        _of_import("key"),
    )
    hold_to_workspace(TABLE, f"{TABLE}_error", f"{TABLE}_key")


def _of_import(what: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{TABLE}_{what}_import_id_{TABLE}"
    return sa.ForeignKeyConstraint(["import_id"], [f"{TABLE}.id"], ondelete="CASCADE", name=name)


def _create_import() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, comment="that all its posts get"),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("columns", pg.ARRAY(sa.Text), nullable=False, comment="of a CSV, as its first row has them"),
        sa.Column("mapping", pg.JSONB, nullable=False, comment="the fields of columns, as somebody named them"),
        sa.Column("channel", sa.Text, comment="of all posts, whatever the file says"),
        sa.Column("source", sa.Text, nullable=False, comment="whose the posts are: the key's that brought the file"),
        sa.Column("is_dry_run", sa.Boolean, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("job_id", sa.Uuid),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("finished_at", Moment),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, comment="null once it was read"),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("rows", "created", "existing", "refused")),
        sa.Column("removed", sa.BigInteger, nullable=False, comment="taken back by an undo"),
        sa.Column("kept", sa.BigInteger, nullable=False, comment="left by an undo, since people worked on them"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        check_in(
            "format",
            ("opsloop", "canny", "fider", "chatwoot", "uservoice", "app_store", "google_play"),
            table=TABLE,
        ),
        check_in("type", ("csv", "ndjson", "json"), table=TABLE),
        check_in("stage", ("importing", "done", "cancelled", "undoing", "undone"), table=TABLE),
    )
    op.create_index(f"ix_{TABLE}_newest", TABLE, ["workspace", "created_at", "id"])
    # not packed: a piece of it is read without the rest
    op.execute(f"ALTER TABLE {TABLE} ALTER COLUMN data SET STORAGE EXTERNAL")


def downgrade() -> None:
    for table in (f"{TABLE}_key", f"{TABLE}_error", TABLE):
        op.drop_table(table)
    op.drop_index("ix_feedback_import", "feedback")
    op.drop_constraint(op.f("ck_feedback_voters"), "feedback", type_="check")
    for column in ("entered_by", "source_url"):
        op.drop_column("feedback", column)
    op.drop_column("feedback", "voters")
    op.drop_column("feedback", "import_id")
