"""`python -m opsloop_metrics`: serve, migrate, openapi, keys, user-secrets, events."""

from opsloop_common.runner.cli import main
from opsloop_metrics.settings import MetricsSettings

if __name__ == "__main__":
    main("metrics", MetricsSettings)
