"""HTTP shapes of digests."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.schemas import OutModel, Timestamp


class DigestItemOut(OutModel):
    """What is held for a person of a topic on a channel until `ends_at`, or went out at `sent_at`; then its message has the same id."""

    id: UUID
    user_id: str
    channel: str
    topic: str
    key: str
    ends_at: Timestamp
    sent_at: Timestamp | None


class DigestWordsOut(OutModel):
    """What a digest says in one language."""

    locale: str
    subject: str
    body: str
    html: str


class DigestPreviewOut(OutModel):
    """What a digest says, as far as it is gathered."""

    count: int
    contents: list[DigestWordsOut]
