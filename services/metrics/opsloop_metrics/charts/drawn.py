"""What drawers take and return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsloop_metrics.canvas.drawing import Markup
from opsloop_metrics.charts.lines import Band, Note
from opsloop_metrics.insights.periods import Frame

Answer = Mapping[str, Any]
Drawn = tuple[Markup, float, str, list[str]]
"""The picture, its height, the line below the title, and sentences that say what it shows."""


@dataclass(frozen=True)
class Beside:
    """What is known beside an answer: what it was asked about and how, and what people noted, which is shown on lines over time.

    `bands`: times that stand out.
    """

    frame: Frame | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[Note] = ()
    bands: Sequence[Band] = ()

    @property
    def divided_by(self) -> str | None:
        """Return the field of the breakdown."""
        return (self.query.get("breakdown") or {}).get("field")
