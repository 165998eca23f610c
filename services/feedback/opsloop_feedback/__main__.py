"""`python -m opsloop_feedback`: serve, migrate, openapi, keys, user-secrets, events."""

from opsloop_common.runner.cli import main
from opsloop_feedback.settings import FeedbackSettings

if __name__ == "__main__":
    main("feedback", FeedbackSettings)
