"""Every bound on what strangers send, hold or cause, in one place. `docs/limits.md` says of each what the caller is told.

A bound that a person running OpsLoop may want to change is a setting (`settings.py`) whose default stands here.
"""

from __future__ import annotations

# What comes in: bodies, texts, numbers

# Connections, heads, and how long a peer may take
HEAD_BYTES = 64 * 1024
HEAD_LINES = 100
TARGET_BYTES = 8 * 1024  # of the request line; a cursor has up to 2,000 of them
HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75.0  # longer than the 60 s for which usual gateways keep theirs: they, not we, close first
PIPELINED_REQUESTS = 16
# whoever sends a body or reads an answer: so slowly at most, after so long
LEAST_BYTES_PER_SECOND = 16 * 1024
GRACE_SECONDS = 10.0
CLOSING_SECONDS = 5.0
# chunk sizes, extensions and trailers of a chunked body: each chunk is a call of ours
CHUNK_FRAMING_BYTES = 32 * 1024
CHUNK_FRAMING_SHARE = 1 / 8
IGNORED_HEAD_BYTES = 256 * 1024
IGNORED_BODY_BYTES = 9 * 1024 * 1024  # after an early answer, so that who sends first and reads then still reads it
SMALL_BODY_BYTES = 64 * 1024  # not counted below; a connection may have as much in hand before anybody asks for it
BODY_BYTES_PER_KEY = 32 * 1024 * 1024
BODY_BYTES_PER_ADDRESS = 64 * 1024 * 1024
BODY_BYTES_PER_PROCESS = 128 * 1024 * 1024
UNREAD_ANSWER_BYTES = 128 * 1024 * 1024
CONNECTIONS = 4_096
CONNECTIONS_PER_ADDRESS = 1 / 2  # of those that the process holds
RESERVED_FILES = (
    256  # of the file limit, for PostgreSQL, Kafka, webhooks, logs: 40 are open when nobody asks for anything
)

# What one cause, key or workspace may set off
