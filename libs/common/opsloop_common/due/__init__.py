"""Work that is due later: scheduled in the transaction that causes it, done once, also after a crash."""

from opsloop_common.due.errors import ClaimLost
from opsloop_common.due.jobs import JobRun, LongRun, cancel_job, start_job
from opsloop_common.due.kinds import DueKind, DueRow
from opsloop_common.due.recurring import go_on
from opsloop_common.due.schedule import cancel, schedule

__all__ = [
    "ClaimLost",
    "DueKind",
    "DueRow",
    "JobRun",
    "LongRun",
    "cancel",
    "cancel_job",
    "go_on",
    "schedule",
    "start_job",
]
