"""When topics are looked for: every hour."""

from __future__ import annotations

from datetime import timedelta

from opsloop_common.due import DueKind
from opsloop_feedback.clusters.finding import find_topics

DUE = (DueKind("feedback.cluster", find_topics, every=timedelta(hours=1), per="workspace", long=True, concurrency=1),)
