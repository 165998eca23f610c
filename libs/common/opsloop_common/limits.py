"""Every bound on what strangers send, hold or cause, in one place. `docs/limits.md` says of each what the caller is told.

A bound that a person running OpsLoop may want to change is a setting (`settings.py`) whose default stands here.
"""

from __future__ import annotations

# What comes in: bodies, texts, numbers

# Connections, heads, and how long a peer may take
# … what somebody whom we call may answer (webhook endpoints)
CALL_SECONDS = 15.0
CALL_ANSWER_BYTES = 64 * 1024  # head, body, chunk lines and trailers together
CALL_BODY_BYTES = 16 * 1024  # of it, what is kept of a body
CALL_HEADERS = 64
CALL_LINE_BYTES = 8 * 1024
CALL_INTERIM_ANSWERS = 4  # 100 Continue, 103 Early Hints
CALL_RECEIVE_BUFFER_BYTES = 8 * 1024  # in the kernel: what can come in one turn of the loop, also as TLS
CALL_PARSE_SLICE_BYTES = 1024
CALL_PARSE_TURN_SECONDS = 0.001  # for all connections together, between two turns of the loop
# … the mail server
MAIL_SECONDS = 60.0  # one mail, from the connection to the last answer
MAIL_REPLY_SECONDS = 30.0
# … the issuer of tokens
ISSUER_SECONDS = 5.0  # both documents together
ISSUER_DOCUMENT_BYTES = 256 * 1024  # on the wire, with its head
ISSUER_DOCUMENT_LINES = 3_000
ISSUER_READ_BYTES = 1024  # at a time; others run between two reads
ISSUER_KEYS = 50
ISSUER_KEY_CHARACTERS = 1_366  # 8192 bits

# What one cause, key or workspace may set off
