"""The ready-made KPIs, and what taking one needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opsloop_common.errors import Invalid
from opsloop_common.known_names import unknown

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Question:
    """An insight that is kept with the KPI that asks it."""

    kind: str
    query: Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """A ready-made KPI. `measure` is whole, or, with `insight`, which number of that and how many days back.

    `needs`: the kind of the saved insight that whoever takes it has to name. `waits`: why nothing measures it yet, by language as `unit`.
    """

    key: str
    en: str
    zh: str
    unit: Mapping[Language, str]
    direction: Literal["up", "down"]
    measure: Mapping[str, Any] | None = None
    insight: Question | None = None
    needs: str | None = None
    waits: Mapping[Language, str] | None = None

    def name_in(self, locale: str) -> str:
        """Return its name in a language: Chinese or, for all others, English."""
        return self.zh if _language(locale) == "zh" else self.en

    def unit_in(self, locale: str) -> str:
        """Return its unit in a language."""
        return self.unit[_language(locale)]


def _language(locale: str) -> Language:
    return "zh" if locale.lower().startswith("zh") else "en"


def _same(unit: str) -> dict[Language, str]:
    """Return a unit that pictures know: it is the same in every language."""
    return {"en": unit, "zh": unit}


_RATIO = _same("ratio")
_PEOPLE: dict[Language, str] = {"en": "people", "zh": "人"}


def _active(key: str, en: str, zh: str, unit: Mapping[Language, str] = _PEOPLE) -> Template:
    return Template(key, en, zh, unit, "up", {"path": f"{key}.last"}, Question("active-users", {}))


def _retention(days: int) -> Template:
    # of those who came for the first time on one of 30 days of which the day that is meant is over, when the last day is not
    asked = {"start": {}, "return": {}, "mode": "first_time", "periods": days + 1}
    measure = {"path": f"average.{days}", "days": 31 + days}
    en, zh = f"Day-{days} retention", f"{days} 日留存率"
    return Template(f"retention_day_{days}", en, zh, _RATIO, "up", measure, Question("retention", asked))


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
    _active("stickiness", "Stickiness (DAU / MAU)", "用户黏性（日活/月活）", _RATIO),
    _retention(1),
    _retention(7),
    _retention(30),
    Template("conversion", "Conversion", "转化率", _RATIO, "up", needs="funnel"),
    Template(
        "churn", "Churn", "流失率", _RATIO, "down", {"path": "churn_rate", "days": 30}, Question("churn", {})
    ),
    Template(
        "nps", "Net promoter score", "净推荐值", {"en": "points", "zh": "分"}, "up",
        waits={"en": "surveys are not asked yet", "zh": "尚不支持问卷调查"},
    ),
    Template(
        "csat",
        "Customer satisfaction",
        "客户满意度",
        _RATIO,
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
        {"en": "s", "zh": "秒"},
        "down",
        _events("feedback.replied", "median", _FIRST, property="data.reply_seconds"),
    ),
    Template(
        "severe_share", "Share of severe feedback", "严重反馈占比", _RATIO, "down",
        _events("feedback.received", "share", _SEVERE),
    ),
    Template(
        "campaign_roi", "Campaign ROI", "营销活动投资回报率", _RATIO, "up",
        waits={"en": "no event tells what a campaign cost", "zh": "没有事件说明营销活动的成本"},
    ),
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
        raise Invalid("/template", f"{template.key} cannot be measured yet: {template.waits['en']}; {reported}")
    if template.needs is not None:
        named = '{"type": "insight", "insight_id": …}'
        raise Invalid("/measure", f"{template.key} needs the saved {template.needs} that is meant: {named}")
