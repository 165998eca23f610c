"""HTTP shapes of the history of evaluations."""

from __future__ import annotations

from typing import Literal

from opsloop_common.http.schemas import OutModel, Timestamp


class EvaluationOut(OutModel):
    """What a monitor saw: the last evaluation of ten seconds in one state."""

    at: Timestamp
    value: float | None
    samples: int
    state: Literal["ok", "pending", "breached", "recovering", "no_data"]
