"""`python -m opsloop_notifications`: serve, migrate, keys, events."""

from __future__ import annotations

from opsloop_common.runner import main
from opsloop_notifications.app import SERVICE

if __name__ == "__main__":
    main(SERVICE)
