"""Every bound on what strangers send, hold or cause, in one place. `docs/limits.md` says of each what the caller is told.

A bound that a person running OpsLoop may want to change is a setting (`settings.py`) whose default stands here.
"""

from __future__ import annotations

# What comes in: bodies, texts, numbers
BODY_BYTES = 1024 * 1024
BATCH_BYTES = 8 * 1024 * 1024
JSON_LEVELS = 35  # a field may have 32 levels, also in an item of a batch: object, list, object, then the field
JSON_CONTAINERS = 25_000
"""Objects and lists of one body, counted before any is made: 8 MiB of `[],` were 2,800,000 and took 7.7 s."""
JSON_VALUES = 50_000
"""Commas and colons outside texts: about as many values."""
AUDIENCE_VALUES = 110_000  # 100,000 ids and what stands around them
BATCH_CONTAINERS = 50_000
BATCH_VALUES = 250_000  # of a row in 1,000: 100 names with a value each, and some
EVENT_BYTES = 512 * 1024  # half of Kafka's default message limit, so that the relay never meets a refusal
EVENT_CONTAINERS = 5_000
EVENT_VALUES = 20_000
UNKNOWN_NAMES = 20  # of one object; beyond them only one error says so
ERRORS_SHOWN = 20
ERRORS_SHOWN_OF_A_ROW = 5
QUERY_PARAMETERS = 200
QUERY_BYTES = 32 * 1024
MARKS_IN_A_ROW = 30
"""Combining marks after one character, as the Stream-Safe Text Format of UAX #15 has it; a normaliser sorts them, quadratically."""
EXPANDING_CHARACTERS = 1_000
"""Characters of one text that compatibility writes as three or more (U+FDFA as 18)."""

# Connections, heads, and how long a peer may take

# What one cause, key or workspace may set off
