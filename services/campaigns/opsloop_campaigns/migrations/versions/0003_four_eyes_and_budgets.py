"""Who stands behind campaigns and playbooks, the approval of playbooks, and what one cause set off."""

import sqlalchemy as sa
from alembic import op

from opsloop_common.entry import every_workspace

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("campaign", "playbook", "playbook_run")
TIME = sa.DateTime(timezone=True)
OUTCOMES = ("launched", "approval_requested", "cooling_down", "already_run", "too_deep", "too_large")
HELD_BY = ("playbook_approval", "cause_budget", "playbook_budget", "workspace_budget")

# The audit log knows who wrote and edited, also what was deleted since. It is read once, into a table that looks up by subject:
# asked for each campaign anew, it kept 16,000 campaigns locked for 45 s.
WRITTEN = (
    "CREATE TEMPORARY TABLE written ON COMMIT DROP AS "
    "SELECT workspace, subject, array_agg(DISTINCT actor) AS actors FROM audit "
    "WHERE action IN ('campaign.created', 'campaign.updated', 'playbook.created', 'playbook.updated') "
    "GROUP BY workspace, subject"
)
WRITERS_OF = (
    "(SELECT actors FROM written AS w WHERE w.workspace = {row}.workspace AND w.subject = '{kind}/' || {row}.{id})"
)
# each once; `system` stands for the playbook's writers and is none itself
WRITERS_OF_CAMPAIGN = (
    "ARRAY(SELECT DISTINCT actor FROM unnest(ARRAY[author, edited_by] || {own} || {playbooks}) AS one (actor) "
    "WHERE playbook_id IS NULL OR actor <> 'system')"
)
# whoever may switch self-approval on might have approved their own all along; the others' wait for a second person
APPROVE_BY_ADMINS = (
    "UPDATE playbook AS p SET approved_by = p.edited_by, approved_at = p.updated_at "
    "WHERE NOT p.requires_approval AND (EXISTS (SELECT FROM workspace AS w "
    "WHERE w.name = p.workspace AND w.allow_self_approval) "
    "OR NOT EXISTS (SELECT FROM unnest(p.writers) AS writer (actor) WHERE writer.actor <> 'key:operator' "
    "AND (p.workspace, writer.actor) NOT IN (SELECT k.workspace, 'key:' || k.id FROM api_key AS k "
    "WHERE k.revoked_at IS NULL AND 'campaigns:admin' = ANY (k.scopes))))"
)


def upgrade() -> None:
    with every_workspace(op.get_bind(), *TABLES):
        op.execute(WRITTEN)
        op.execute("ALTER TABLE written ADD PRIMARY KEY (subject, workspace)")
        op.execute("ANALYZE written")
        widen_playbook()
        widen_campaign()
    replace_checks_of_runs((*OUTCOMES, "held", "too_many_waiting"), with_campaign=("held",))


def downgrade() -> None:
    with every_workspace(op.get_bind(), *TABLES):
        op.execute("UPDATE playbook_run SET outcome = 'approval_requested' WHERE outcome = 'held'")
        op.execute("UPDATE playbook_run SET outcome = 'cooling_down' WHERE outcome = 'too_many_waiting'")
        replace_checks_of_runs(OUTCOMES, with_campaign=())
    op.drop_index("ix_campaign_waiting", "campaign")
    op.drop_index("ix_campaign_unattended", "campaign")
    for column in ("cause_root", "held_by", "unattended", "writers"):
        op.drop_column("campaign", column)
    for column in ("told_at", "approved_at", "approved_by", "writers", "edited_by"):
        op.drop_column("playbook", column)


def widen_playbook() -> None:
    op.add_column("playbook", sa.Column("edited_by", sa.Text))
    op.add_column("playbook", sa.Column("writers", sa.ARRAY(sa.Text)))
    op.add_column("playbook", sa.Column("approved_by", sa.Text))
    op.add_column("playbook", sa.Column("approved_at", TIME))
    op.add_column("playbook", sa.Column("told_at", TIME))
    written_by = WRITERS_OF.format(row="playbook", kind="playbook", id="id")
    op.execute(f"UPDATE playbook SET edited_by = author, writers = coalesce({written_by}, ARRAY[author])")
    op.execute(APPROVE_BY_ADMINS)
    op.alter_column("playbook", "edited_by", nullable=False)
    op.alter_column("playbook", "writers", nullable=False)
    op.create_check_constraint(
        op.f("ck_playbook_approval"), "playbook", "(approved_by IS NULL) = (approved_at IS NULL)"
    )


def widen_campaign() -> None:
    op.add_column("campaign", sa.Column("writers", sa.ARRAY(sa.Text)))
    op.add_column("campaign", sa.Column("held_by", sa.Text))
    op.add_column("campaign", sa.Column("cause_root", sa.Text))
    op.add_column("campaign", sa.Column("unattended", sa.Boolean))
    own = WRITERS_OF.format(row="campaign", kind="campaign", id="id")
    playbooks = WRITERS_OF.format(row="campaign", kind="playbook", id="playbook_id")
    op.execute(
        f"UPDATE campaign SET writers = {WRITERS_OF_CAMPAIGN.format(own=own, playbooks=playbooks)}, "
        "unattended = playbook_id IS NOT NULL AND started_at IS NOT NULL AND approved_by IS NULL"
    )
    op.alter_column("campaign", "writers", nullable=False)
    op.alter_column("campaign", "unattended", nullable=False)
    values = ", ".join(f"'{value}'" for value in HELD_BY)
    op.create_check_constraint(op.f("ck_campaign_held_by"), "campaign", f"held_by IN ({values})")
    op.create_index(
        "ix_campaign_unattended",
        "campaign",
        ["workspace", "created_at"],
        postgresql_where=sa.text("unattended"),
    )
    op.create_index(
        "ix_campaign_waiting",
        "campaign",
        ["workspace", "playbook_id"],
        postgresql_where=sa.text("status = 'pending_approval' AND playbook_id IS NOT NULL"),
    )


def replace_checks_of_runs(outcomes: tuple[str, ...], *, with_campaign: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{outcome}'" for outcome in outcomes)
    launched = ", ".join(f"'{outcome}'" for outcome in ("launched", "approval_requested", *with_campaign))
    op.drop_constraint(op.f("ck_playbook_run_outcome"), "playbook_run")
    op.drop_constraint(op.f("ck_playbook_run_has_campaign"), "playbook_run")
    op.create_check_constraint(op.f("ck_playbook_run_outcome"), "playbook_run", f"outcome IN ({listed})")
    op.create_check_constraint(
        op.f("ck_playbook_run_has_campaign"), "playbook_run", f"(campaign_id IS NOT NULL) = (outcome IN ({launched}))"
    )
