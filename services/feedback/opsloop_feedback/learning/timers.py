"""When learning happens: every minute, where something was corrected."""

from __future__ import annotations

from datetime import timedelta

from opsloop_common.due import DueKind
from opsloop_feedback.learning.service import learn

DUE = (DueKind("feedback.learn", learn, every=timedelta(minutes=1), per="workspace", long=True, concurrency=1),)
