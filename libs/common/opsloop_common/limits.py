"""Every bound on what strangers send, hold or cause, in one place. `docs/limits.md` says of each what the caller is told.

A bound that a person running OpsLoop may want to change is a setting (`settings.py`) whose default stands here.
"""

from __future__ import annotations

# What comes in: bodies, texts, numbers

PAGE_FORM_BYTES = 64 * 1024
PAGE_FORM_FIELDS = 100

# Connections, heads, and how long a peer may take

# What one cause, key or workspace may set off

LINK_DAYS = 90
PAGE_SESSION_SECONDS = 3600
