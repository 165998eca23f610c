"""Every bound on what strangers send, hold or cause, in one place. `docs/limits.md` says of each what the caller is told.

A bound that a person running OpsLoop may want to change is a setting (`settings.py`) whose default stands here.
"""

from __future__ import annotations

# What comes in: bodies, texts, numbers

PAGE_FORM_BYTES = 64 * 1024
PAGE_FORM_FIELDS = 100

# Connections, heads, and how long a peer may take

# What one cause, key or workspace may set off

RATE_PER_SECOND = 1_000  # a secret key or a person; settings
RATE_BURST = 5_000
WORKSPACE_RATE_SHARE = 2  # all credentials of a workspace together may ask as fast as so many
PROCESS_RATE_SHARE = 5  # and all of a service's process as fast as so many
PUBLISHABLE_RATE_PER_SECOND = 200  # one key for all browsers of a shop
PUBLISHABLE_RATE_BURST = 1_000
USER_RATE_PER_SECOND = 10  # one end user
USER_RATE_BURST = 50
VISITOR_RATE_PER_SECOND = 20  # an address, of pages
VISITOR_RATE_BURST = 200

PUBLISHABLE_ROWS_PER_DAY = 10_000
PUBLISHABLE_BYTES_PER_DAY = 64 * 1024 * 1024
PUBLISHABLE_ORIGINS = 20
USER_TOKEN_BYTES = 4_096
USER_TOKEN_HOURS = 24

CREDENTIALS_KEPT = 10_000  # in the cache of each service's process, and as many ids that name nothing
STRANGERS_AT_ONCE = 2  # look-ups of unknown credentials; the pool has 10 connections
STRANGERS_WAITING = 100
STRANGER_MISSES_PER_SECOND = 20  # an address (a /64 of IPv6)
STRANGER_MISSES_AT_ONCE = 200
STRANGER_ADDRESSES = 10_000

LINK_DAYS = 90
PAGE_SESSION_SECONDS = 3600
