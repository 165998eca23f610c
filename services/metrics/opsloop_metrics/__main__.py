"""`python -m opsloop_metrics serve|migrate|openapi|keys|events`."""

from opsloop_common.runner import main
from opsloop_metrics.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
