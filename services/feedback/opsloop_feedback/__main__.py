"""`python -m opsloop_feedback serve|migrate|openapi|keys|events`."""

from opsloop_common.runner import main
from opsloop_feedback.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
