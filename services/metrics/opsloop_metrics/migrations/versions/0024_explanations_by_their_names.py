"""What explains an incident is kept as it is shown: with `from`, which was kept as `from_`."""

from alembic import op

from opsloop_common.entry import every_workspace

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _rename("from_", "from")


def downgrade() -> None:
    _rename("from", "from_")


def _rename(old: str, new: str) -> None:
    with every_workspace(op.get_bind(), "incident"):
        op.execute(
            f"UPDATE incident SET explanation = (explanation - '{old}') || "
            f"jsonb_build_object('{new}', explanation -> '{old}') WHERE jsonb_exists(explanation, '{old}')"
        )
