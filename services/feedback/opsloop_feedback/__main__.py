"""`python -m opsloop_feedback`: serve, migrate, openapi, keys, user-secrets, events."""

from opsloop_common.runner.cli import main

if __name__ == "__main__":
    main("feedback")
