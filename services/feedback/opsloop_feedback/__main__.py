"""`python -m opsloop_feedback serve|migrate|openapi|keys|events`."""

from opsloop_common.runner import main
from opsloop_feedback.app import SERVICE
from opsloop_feedback.settings import FeedbackSettings

if __name__ == "__main__":
    main(SERVICE, FeedbackSettings)
