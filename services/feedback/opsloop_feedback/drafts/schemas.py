"""HTTP shapes of drafts."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_feedback.submissions.rules import readable

DraftKind = Literal["reply", "note"]


class DraftIn(InModel):
    """What somebody has written so far."""

    kind: DraftKind = "reply"
    body: Annotated[str, StringConstraints(min_length=1, max_length=50_000), AfterValidator(readable)]


class DraftOut(OutModel):
    """A draft, as whoever writes it sees it."""

    feedback_id: UUID
    kind: DraftKind
    body: str
    created_at: Timestamp
    updated_at: Timestamp
