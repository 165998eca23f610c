"""Every bound on what strangers send, hold or cause, in one place. `docs/limits.md` says of each what the caller is told.

A bound that a person running OpsLoop may want to change is a setting (`settings.py`) whose default stands here.
"""

from __future__ import annotations

# What comes in: bodies, texts, numbers

# Connections, heads, and how long a peer may take

DATABASE_STATEMENT_SECONDS = 4.0  # a setting: of requests, consumers, claims and heartbeats
DATABASE_WORK_SECONDS = 30.0  # a setting: of due work, pruning and counting, which may read much
DATABASE_MIGRATION_SECONDS = 3600.0
DATABASE_GRACE_SECONDS = 0.5  # a server that lives ends a statement itself, and the connection stays
DATABASE_CONNECT_SECONDS = 3.0
DATABASE_CHECKOUT_SECONDS = 3.0
DATABASE_QUIET_SECONDS = 1.0  # a connection that was not used for this long proves itself first
DATABASE_PROOF_SECONDS = 1.0
DATABASE_CLOSE_SECONDS = 1.0
DATABASE_IDLE_IN_TRANSACTION_SECONDS = 10.0
LOCK_HOLDER_PROOF_SECONDS = 1.5
LOCK_HOLDER_IDLE_SECONDS = 6.0  # then the server ends the session, and another relay gets its lock
LISTENER_PROOF_SECONDS = 3.0
READINESS_SECONDS = 3.0
READINESS_KEPT_SECONDS = 1.0
KAFKA_REQUEST_SECONDS = 8.0
MAIL_CONNECT_SECONDS = 10.0
MAIL_QUIET_SECONDS = 1.0
MAIL_PROOF_SECONDS = 2.0
MAIL_ANSWER_SECONDS = 30.0

# What one cause, key or workspace may set off
