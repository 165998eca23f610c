"""The jobs of bulk changes."""

from __future__ import annotations

from opsloop_common.due import DueKind
from opsloop_feedback.bulk_changes import service

DUE = (
    DueKind(service.CHANGE_JOB, service.change_posts, concurrency=2, long=True, max_attempts=None),
    DueKind(service.UNDO_JOB, service.undo_posts, concurrency=2, long=True, max_attempts=None),
)
