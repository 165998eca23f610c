"""Names are handed on with how people are reached."""

from alembic import op

from opsloop_common.entry import every_workspace
from opsloop_common.migrations import replace_check_in

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    replace_check_in("contact", "means", ("email", "locale", "full_name"))


def downgrade() -> None:
    with every_workspace(op.get_bind(), "contact"):
        op.execute("DELETE FROM contact WHERE means = 'full_name'")
    replace_check_in("contact", "means", ("email", "locale"))
