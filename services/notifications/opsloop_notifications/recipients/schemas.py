"""HTTP shapes of recipients."""

from __future__ import annotations

from opsloop_common.http.schemas import EmailAddress, InModel, Locale, OutModel, Timestamp


class RecipientIn(InModel):
    """Where a person is reached. Without an address nothing can be sent, and each try says so."""

    email: EmailAddress | None = None
    locale: Locale | None = None


class RecipientOut(OutModel):
    """A person with address and language. `is_by_hand`: they were put here; else they come from traits of events, and follow them."""

    user_id: str
    email: str | None
    locale: str | None
    is_by_hand: bool
    created_at: Timestamp
    updated_at: Timestamp
