"""HTTP shapes of ready-made KPIs."""

from __future__ import annotations

from typing import Literal

from opsloop_common.http.schemas import OutModel


class KpiTemplateOut(OutModel):
    """A ready-made KPI, in English and Chinese.

    `needs`: the kind of the saved insight to name in `measure`. `waits`: why nothing measures it yet; values can be reported.
    A KPI that is made of it has the name and `unit` of the workspace's language; `ratio` is the same in all.
    """

    key: str
    en: str
    zh: str
    unit: dict[Literal["en", "zh"], str]
    direction: Literal["up", "down"]
    needs: str | None
    waits: dict[Literal["en", "zh"], str] | None
