"""Values of closed lists have words in both languages, wherever a picture shows them; what people wrote is left alone."""

from typing import get_args

import pytest

from opsloop_common.contracts.feedback.posts import Kind, Severity
from opsloop_metrics.attributions.schemas import AttributionIn
from opsloop_metrics.breaches import rules as breaches
from opsloop_metrics.canvas.values import VALUES
from opsloop_metrics.canvas.words import _WORDS
from opsloop_metrics.charts.rules import Beside, draw
from opsloop_metrics.churns.schemas import ChurnIn
from opsloop_metrics.experiences.rules import Metric, Rating
from opsloop_metrics.experiences.schemas import FrictionOut
from opsloop_metrics.lifecycles.rules import Status
from opsloop_metrics.objectives.rules import GoalState
from opsloop_metrics.saved_insights.rules import InsightKind
from opsloop_metrics.visits.channels import Channel
from services.metrics.tests.chart_answers import ANSWERS, churn, funnel, next_best, retention, series, trends, usage
from services.metrics.tests.pictures import described, shown, words

pytestmark = pytest.mark.quick
_NUMBERS = {"page", "score", "share", "reach", "people", "troubled"}
LISTS = {
    "channel": {channel for channel in Channel if channel},
    "device": {"desktop", "mobile", "tablet", "tv", "console", "bot"},
    "feedback.kind": set(get_args(Kind)),
    "feedback.severity": set(get_args(Severity)),
    "friction": set(FrictionOut.model_fields) - _NUMBERS,
    "rating": set(Rating),
    "metric": set(Metric),
    "incident": set(get_args(breaches.Severity)),
    "goal": set(GoalState),
}


def test_each_value_of_each_list_has_a_word_in_each_language():
    assert {field: set(names) for field, names in VALUES.items()} == LISTS
    for names in VALUES.values():
        for english, chinese in names.values():
            assert english.isascii()
            assert not chinese.isascii()
    assert {*Status, *InsightKind, "dau", "wau", "mau", "left", "stayed"} <= set(_WORDS)


def one_value(value):
    """Return answers that are divided into one value, with the query that asked for it by `field`."""
    row = {"values": [value], "people": 5, "events": 9}
    credit = {"value": value, "linear": {"conversions": 1}}
    return {
        "trends": trends(series("A", "visited", [3, 4], breakdown=value)),
        "funnel": funnel() | {"breakdown": [{"value": value, "steps": funnel()["steps"]}]},
        "retention": retention(weeks=2, breakdown=value),
        "attribution": {"rows": [credit], "total": {"conversions": 1}},
        "breakdown": {"by": ["channel"], "rows": [row], "other": None, "total": {"people": 5, "events": 9}},
        "usage": usage(value),
        "next-best": next_best(value, None),
    }


@pytest.mark.parametrize("kind", one_value("x"))
@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        ("organic_search", "Organic search", "自然搜索"),
        ("direct", "Direct", "直接访问"),
        ("$none", "(none)", "（无）"),
        ("$other", "Other", "其他"),
        ("newsletter", "newsletter", "newsletter"),
    ],
)
def test_a_channel_is_called_so_where_the_question_divides_by_it(kind, value, english, chinese):
    answer = one_value(value)[kind]
    beside = Beside(query={"by": "channel", "breakdown": {"field": "channel"}})

    found = [" ".join(shown(draw(kind, answer, locale=locale, beside=beside))) for locale in ("en", "zh-CN")]

    assert english in found[0]
    assert chinese in found[1]


@pytest.mark.parametrize("kind", sorted(set(one_value("x")) - {"breakdown"}))
def test_a_property_that_looks_like_one_is_left_alone(kind):
    beside = Beside(query={"by": "properties.channel", "breakdown": {"field": "properties.channel"}})

    said = words(draw(kind, one_value("direct")[kind], locale="zh", beside=beside))

    assert "direct" in said
    assert "直接访问" not in said


def test_attribution_is_by_channel_where_nothing_else_is_said():
    assert AttributionIn.model_fields["by"].default == "channel"
    assert "自然搜索" in words(draw("attribution", one_value("organic_search")["attribution"], locale="zh"))


def test_features_that_are_named_are_no_values():
    beside = Beside(query={"by": "channel", "features": [{"event": "direct"}]})

    assert "direct" in shown(draw("usage", usage("direct"), beside=beside))


@pytest.mark.parametrize(
    ("label", "value", "query", "wanted"),
    [
        ("kind", "bug", {}, ["Kind · Bug", "类型 · 缺陷"]),
        ("severity", "s1", {}, ["Severity · S1, critical", "严重程度 · 一级（致命）"]),
        ("area", "支付", {}, ["Area · 支付", "领域 · 支付"]),
        ("tags", "bug", {}, ["Tag · bug", "标签 · bug"]),
        ("why", "bug", {"answers": [{"event": "feedback.received", "field": "properties.kind", "label": "why"}]},
         ["why · Bug", "why · 缺陷"]),
        ("kind", "bug", {"answers": [{"event": "asked", "field": "properties.kind"}]}, ["kind · bug", "kind · bug"]),
    ],
)  # fmt: skip
def test_answers_of_feedback_are_in_words(label, value, query, wanted):
    answer = churn(value)
    for row in answer["rows"]:
        row["label"] = label

    for locale, expected in zip(("en", "zh"), wanted, strict=True):
        svg = draw("churn", answer, locale=locale, beside=Beside(query=query))
        assert expected in shown(svg)
        assert expected in described(svg)


def test_each_question_that_is_asked_by_itself_has_a_word():
    labels = [each.field.removeprefix("properties.") for each in ChurnIn().answers]

    assert {f"answer_{label}" for label in labels} <= set(_WORDS)


def test_those_who_left_and_stayed_are_called_the_same_everywhere():
    english, chinese = (words(draw("churn", ANSWERS["churn"], locale=locale)) for locale in ("en", "zh"))

    assert "Left" in english
    assert "Stayed" in english
    assert "离开" not in chinese
    assert "留存" not in chinese
    assert "流失者50%，留下者10%" in chinese


def test_sentences_end_as_their_language_has_it():
    for kind, answer in ANSWERS.items():
        assert described(draw(kind, answer, locale="zh")).endswith("。"), kind
        assert ". " not in described(draw(kind, answer, locale="zh")), kind
