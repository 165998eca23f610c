"""Files of recipients, and on what ground an address is known to be theirs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from opsloop_common.columns import Moment, check_in
from opsloop_common.migrations import hold_to_workspace

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLE = "recipient_import"
JSON = JSONB(none_as_null=True)


def upgrade() -> None:
    op.add_column(
        "recipient",
        sa.Column("consent_source", sa.Text, comment="how we know that the address is theirs, as was said"),
    )
    op.add_column("recipient", sa.Column("consent_at", Moment))
    op.create_check_constraint(
        op.f("ck_recipient_consent"), "recipient", "(consent_source IS NULL) = (consent_at IS NULL)"
    )
    _create_import()
    _create_error()
    _create_row()
    hold_to_workspace(TABLE, f"{TABLE}_error", f"{TABLE}_row")


def _create_import() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("columns", JSON, nullable=False, comment="of a CSV, as its first row has them"),
        sa.Column("delimiter", sa.Text),
        sa.Column("consent_source", sa.Text, comment="of all rows that say none"),
        sa.Column("consent_at", Moment),
        sa.Column("is_dry_run", sa.Boolean, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("job_id", sa.Uuid),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("finished_at", Moment),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, comment="null once it was read"),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("rows", "created", "updated", "existing", "refused", "kept_addresses")
        ),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        check_in("format", ("csv", "ndjson"), table=TABLE),
        check_in("stage", ("importing", "done", "cancelled", "undoing", "undone"), table=TABLE),
    )
    op.create_index(f"ix_{TABLE}_newest", TABLE, ["workspace", "created_at", "id"])
    # not packed: a piece of it is read without the rest
    op.execute(f"ALTER TABLE {TABLE} ALTER COLUMN data SET STORAGE EXTERNAL")


def _create_error() -> None:
    op.create_table(
        f"{TABLE}_error",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("row", sa.BigInteger, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("field", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "row", name=f"pk_{TABLE}_error"),
        sa.ForeignKeyConstraint(
            ["import_id"], [f"{TABLE}.id"], ondelete="CASCADE", name=f"fk_{TABLE}_error_import_id_{TABLE}"
        ),
    )


def _create_row() -> None:
    op.create_table(
        f"{TABLE}_row",
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, comment="of the recipient, as the file left it"),
        sa.Column("before", JSON, comment="null: nobody knew them"),
        sa.PrimaryKeyConstraint("import_id", "user_id", name=f"pk_{TABLE}_row"),
        sa.ForeignKeyConstraint(
            ["import_id"], [f"{TABLE}.id"], ondelete="CASCADE", name=f"fk_{TABLE}_row_import_id_{TABLE}"
        ),
        sa.ForeignKeyConstraint(
            ["workspace", "user_id"],
            ["recipient.workspace", "recipient.user_id"],
            ondelete="CASCADE",
            name=f"fk_{TABLE}_row_workspace_user_id_recipient",
        ),
    )
    op.create_index(f"ix_{TABLE}_row_person", f"{TABLE}_row", ["workspace", "user_id"])


def downgrade() -> None:
    op.drop_table(f"{TABLE}_row")
    op.drop_table(f"{TABLE}_error")
    op.drop_table(TABLE)
    op.drop_constraint(op.f("ck_recipient_consent"), "recipient", type_="check")
    op.drop_column("recipient", "consent_at")
    op.drop_column("recipient", "consent_source")
