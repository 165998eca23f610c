"""Work that is due later: scheduled in the transaction that causes it, done once, also after a crash."""

from opsloop_common.due.errors import ClaimLost
from opsloop_common.due.jobs import JobRun, cancel_job, start_job
from opsloop_common.due.kinds import DueKind, DueRow
from opsloop_common.due.runner import run_due
from opsloop_common.due.schedule import cancel, schedule

__all__ = ["ClaimLost", "DueKind", "DueRow", "JobRun", "cancel", "cancel_job", "run_due", "schedule", "start_job"]
