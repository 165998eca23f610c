"""Every bound on what strangers send, hold or cause, in one place. `docs/limits.md` says of each what the caller is told.

A bound that a person running OpsLoop may want to change is a setting (`settings.py`) whose default stands here.
"""

from __future__ import annotations

# What comes in: bodies, texts, numbers

PAGE_FORM_BYTES = 64 * 1024
PAGE_FORM_FIELDS = 100

# Connections, heads, and how long a peer may take

# What one cause, key or workspace may set off

POSTGRES_LOG_BYTES = 10 * 1024 * 1024
"""Size at which the embedded PostgreSQL begins a new log file."""
POSTGRES_LOG_FILES = 5
"""Log files of the embedded PostgreSQL that are kept, the newest."""
LINK_DAYS = 90
PAGE_SESSION_SECONDS = 3600
