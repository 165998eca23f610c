"""Reads one row, of a batch or of a file, by the shape of a batch's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from opsloop_common.errors import BadRequest, FieldError, Invalid
from opsloop_common.foreign import Unreadable
from opsloop_common.http.rows import faults_of
from opsloop_common.http.schemas import MAX_ID_CHARACTERS
from opsloop_common.http.strict_json import read_json
from opsloop_notifications.recipient_imports.rules import Head, Row, named
from opsloop_notifications.recipient_imports.schemas import RecipientRow
from opsloop_notifications.recipients.rules import Said

Consent = tuple[str, datetime]
AHEAD = timedelta(minutes=5)
"""So far a clock of others may be ahead of ours."""


@dataclass(frozen=True)
class Refused:
    """A row that is not taken, and why."""

    user_id: str | None
    faults: tuple[FieldError, ...]


Read = tuple[str, Said] | Refused
"""Whom a row is about and what it says, or why it is refused."""


def read_row(value: Any, *, consent: Consent | None, now: datetime) -> Read:
    """Return what a row of a batch says; `consent`: the ground of those that give none."""
    try:
        row = RecipientRow.model_validate(value)
    except ValidationError as refusal:
        name = value.get("user_id") if isinstance(value, dict) else None
        is_name = isinstance(name, str) and len(name) <= MAX_ID_CHARACTERS
        return Refused(name if is_name else None, faults_of(refusal))
    if row.consent is not None and is_ahead(row.consent.at, now):
        return Refused(row.user_id, (FieldError("/consent/at", "must not lie in the future"),))
    fields = row.model_dump(include=row.model_fields_set - {"user_id", "topics", "consent"})
    ground = (row.consent.source, row.consent.at) if row.consent is not None else consent
    return row.user_id, Said(fields, ground if fields.get("email") else None, row.topics)


def is_ahead(at: datetime, now: datetime) -> bool:
    """Say whether somebody is said to have consented at a time that is still to come."""
    return at > now + AHEAD


def read_line(row: Row, head: Head, *, consent: Consent | None, now: datetime) -> Read:
    """Return what a row of a file says."""
    if row.flaw is not None:
        return Refused(None, (FieldError("", row.flaw),))
    try:
        value: Mapping[str, Any] = read_json(row.cells) if isinstance(row.cells, bytes) else named(row.cells, head)
    except Unreadable as error:
        return Refused(None, (FieldError("", str(error)),))
    except BadRequest:
        return Refused(None, (FieldError("", "is not JSON"),))
    except Invalid as error:
        return Refused(None, error.errors)
    return read_row(value, consent=consent, now=now)
