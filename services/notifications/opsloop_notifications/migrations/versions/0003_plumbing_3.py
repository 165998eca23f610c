"""Work that recurs, known workspaces, queues in which workspaces take turns (plumbing version 3)."""

from alembic import op

from opsloop_common.entry import every_workspace, every_workspace_policy
from opsloop_common.plumbing import steps

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    steps.upgrade_v3(connection)
    # until now they were found in these tables each time
    with every_workspace(connection, "event_log_counter", "webhook"):
        op.execute(
            "INSERT INTO known_workspace (name, seen_at) SELECT workspace, now() FROM event_log_counter "
            "UNION SELECT workspace, now() FROM webhook ON CONFLICT DO NOTHING"
        )
    op.execute("DROP POLICY worker ON event_log_counter")


def downgrade() -> None:
    for statement in every_workspace_policy("event_log_counter", command="SELECT"):
        op.execute(statement)
    steps.downgrade_v3(op.get_bind())
