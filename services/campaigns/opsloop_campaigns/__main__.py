"""`python -m opsloop_campaigns`."""

from __future__ import annotations

from opsloop_campaigns.app import SERVICE
from opsloop_common.runner import main

if __name__ == "__main__":
    main(SERVICE)
