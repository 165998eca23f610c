"""The ready-made KPIs, and what taking one needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opsloop_common.errors import Invalid
from opsloop_common.known_names import unknown


@dataclass(frozen=True)
class Question:
    """An insight that is kept with the KPI that asks it."""

    kind: str
    query: Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """A ready-made KPI. `measure` is whole, or, with `insight`, which number of that and how many days back.

    `needs`: the kind of the saved insight that whoever takes it has to name. `waits`: why nothing measures it yet.
    """

    key: str
    en: str
    zh: str
    unit: str
    direction: Literal["up", "down"]
    measure: Mapping[str, Any] | None = None
    insight: Question | None = None
    needs: str | None = None
    waits: str | None = None

    def name_in(self, locale: str) -> str:
        """Return its name in a language: Chinese or, for all others, English."""
        return self.zh if locale.lower().startswith("zh") else self.en


def _active(key: str, en: str, zh: str, unit: str = "people") -> Template:
    return Template(key, en, zh, unit, "up", {"path": f"{key}.last"}, Question("active-users", {}))


def _retention(days: int) -> Template:
    # of those who came for the first time on one of 30 days of which the day that is meant is over, when the last day is not
    asked = {"start": {}, "return": {}, "mode": "first_time", "periods": days + 1}
    measure = {"path": f"average.{days}", "days": 31 + days}
    en, zh = f"Day-{days} retention", f"{days} 日留存率"
    return Template(f"retention_day_{days}", en, zh, "ratio", "up", measure, Question("retention", asked))


def _events(event: str, aggregate: str, *where: Mapping[str, Any], property: str | None = None) -> dict[str, Any]:
    named = {} if property is None else {"property": property}
    return {"type": "events", "event": event, "aggregate": aggregate, "where": list(where)} | named


_RATED = {"field": "data.rating", "op": "exists", "value": True}
_CONTENT = {"field": "data.rating", "op": "ge", "value": 4}
_SEVERE = {"field": "data.severity", "op": "in", "value": ["s1", "s2"]}
_FIRST = {"field": "data.is_first", "op": "eq", "value": True}

TEMPLATES: tuple[Template, ...] = (
    _active("dau", "Daily active users", "日活跃用户"),
    _active("wau", "Weekly active users", "周活跃用户"),
    _active("mau", "Monthly active users", "月活跃用户"),
    _active("stickiness", "Stickiness (DAU / MAU)", "用户黏性（日活/月活）", "ratio"),
    _retention(1),
    _retention(7),
    _retention(30),
    Template("conversion", "Conversion", "转化率", "ratio", "up", needs="funnel"),
    Template(
        "churn", "Churn", "流失率", "ratio", "down", {"path": "churn_rate", "days": 30}, Question("churn", {})
    ),
    Template("nps", "Net promoter score", "净推荐值", "points", "up", waits="surveys are not asked yet"),
    Template(
        "csat",
        "Customer satisfaction",
        "客户满意度",
        "ratio",
        "up",
        {
            "type": "ratio",
            "numerator": _events("feedback.received", "count", _CONTENT),
            "denominator": _events("feedback.received", "count", _RATED),
        },
    ),
    Template(
        "first_reply_time",
        "First reply time (median)",
        "首次回复时长（中位数）",
        "s",
        "down",
        _events("feedback.replied", "median", _FIRST, property="data.reply_seconds"),
    ),
    Template(
        "severe_share", "Share of severe feedback", "严重反馈占比", "ratio", "down",
        _events("feedback.received", "share", _SEVERE),
    ),
    Template("campaign_roi", "Campaign ROI", "营销活动投资回报率", "ratio", "up", waits="no event tells what a campaign cost"),
)  # fmt: skip
_BY_KEY = {template.key: template for template in TEMPLATES}


def get(key: str) -> Template:
    """Return the template of a key; raises Invalid."""
    found = _BY_KEY.get(key)
    if found is None:
        raise Invalid("/template", unknown(key, _BY_KEY, what="template"))
    return found


def require_ready(template: Template, measure: Mapping[str, Any] | None) -> None:
    """Raise Invalid for a template that lacks what it measures, when nothing is named instead."""
    if measure is not None:
        return
    if template.waits is not None:
        reported = 'give it the measure {"type": "reported"} and post its values'
        raise Invalid("/template", f"{template.key} cannot be measured yet: {template.waits}; {reported}")
    if template.needs is not None:
        named = '{"type": "insight", "insight_id": …}'
        raise Invalid("/measure", f"{template.key} needs the saved {template.needs} that is meant: {named}")
