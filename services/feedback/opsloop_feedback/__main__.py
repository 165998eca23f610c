"""`python -m opsloop_feedback`: this service's own processes and chores."""

from __future__ import annotations

from opsloop_common import runner
from opsloop_feedback.app import SERVICE
from opsloop_feedback.settings import FeedbackSettings

if __name__ == "__main__":
    runner.main(SERVICE, FeedbackSettings)
