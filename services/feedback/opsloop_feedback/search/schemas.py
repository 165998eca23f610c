"""HTTP shapes of search."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from opsloop_common.http.schemas import OutModel
from opsloop_feedback.shapes import FeedbackOut


class HighlightOut(OutModel):
    """A piece of up to 200 characters of a field."""

    field: Literal["title", "body"]
    excerpt: str
    spans: list[tuple[int, int]] = Field(
        description="Where the excerpt speaks of it: the first character and the one after the last, counted from 0."
    )


class FoundOut(OutModel):
    """A feedback that was found, and where it speaks of what was asked for."""

    feedback: FeedbackOut
    highlights: list[HighlightOut]
