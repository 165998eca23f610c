"""What may come of one call. Pure."""

from __future__ import annotations

from opsloop_notifications.ways.rules import Outcome

AttemptOutcome = Outcome
ENDED = (Outcome.SENT, Outcome.FAILED, Outcome.GONE)
"""After these a contact is not called again for the same notification."""
