"""HTTP shapes of the reject log."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.schemas import OutModel, Timestamp


class RejectedMessageOut(OutModel):
    """A message that was refused. `raw` is JSON as it came, cut at 32 KiB with `…`; null where it must not be kept.

    `row` counts the rows of the file with the import `import_id`, from 1.
    """

    id: UUID
    received_at: Timestamp
    source: str
    vendor: str
    reason: str
    detail: str
    message_id: str | None
    raw: str | None
    import_id: UUID | None
    row: int | None


class RejectionCountOut(OutModel):
    """How often something was refused for one reason, and when last."""

    reason: str
    vendor: str
    source: str
    count: int
    last_at: Timestamp


class RejectionSummaryOut(OutModel):
    """What was refused in a time, the most frequent first. `left_out` more were refused of which only the number is kept."""

    counts: list[RejectionCountOut]
    left_out: int
