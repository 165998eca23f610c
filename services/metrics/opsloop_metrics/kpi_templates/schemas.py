"""HTTP shapes of ready-made KPIs."""

from __future__ import annotations

from typing import Literal

from opsloop_common.http.schemas import OutModel


class KpiTemplateOut(OutModel):
    """A ready-made KPI, named in English and Chinese.

    `needs`: the kind of the saved insight to name in `measure`. `waits`: why nothing measures it yet; values can be reported.
    """

    key: str
    en: str
    zh: str
    unit: str
    direction: Literal["up", "down"]
    needs: str | None
    waits: str | None
