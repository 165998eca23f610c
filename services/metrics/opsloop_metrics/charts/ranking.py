"""Insights whose answers are ranked: attribution, breakdown, usage, churn, next best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsloop_metrics.canvas.drawing import cut
from opsloop_metrics.canvas.words import Speech
from opsloop_metrics.charts import ranks
from opsloop_metrics.charts.drawn import Answer, Beside, Drawn

OTHER = "$other"


def attribution(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    """Draw which values were credited."""
    conversions = answer["total"]["conversions"]
    by = [beside.query.get("by", "channel")]
    rows = [((row["value"],), row["linear"]["conversions"]) for row in answer["rows"]]
    return _ranked(by, rows, conversions, speech.say("credited", count=speech.number(conversions)), speech)


def breakdown(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    """Draw with whom values were seen."""
    total = answer["total"]
    rows = [(row["values"], row["people"]) for row in answer["rows"]]
    rows += [((OTHER,), answer["other"]["people"])] if answer["other"] else []
    people, events = speech.number(total["people"]), speech.number(total["events"])
    return _ranked(answer["by"], rows, total["people"], speech.say("seen", people=people, events=events), speech)


def _ranked(
    by: Sequence[str], rows: Sequence[tuple[Sequence[str], float]], total: float, subtitle: str, speech: Speech
) -> Drawn:
    most = max((number for _, number in rows), default=0) or 1
    ranked = []
    for several, number in rows:
        name = " · ".join(speech.value(value, field) for value, field in zip(several, by, strict=False))
        said = f"{speech.number(round(number, 2))} · {speech.share(number / total if total else None)}"
        ranked.append(ranks.Ranked(name, said, [max(number, 0) / most]))
    return _bars(ranked, subtitle, speech)


def usage(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    """Draw who used which feature."""
    ranked, by = [], None if beside.query.get("features") else beside.query.get("by")
    for each in answer["features"]:
        said = speech.say("used", count=speech.number(each["people"]), share=speech.share(each["adoption"]))
        name = speech.say("any") if each["label"] == "*" else speech.value(each["label"], by)
        ranked.append(ranks.Ranked(name, said, [each["adoption"]]))
    return _bars(ranked, speech.say("active_people", count=speech.number(answer["active"]["total"])), speech)


def churn(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    """Draw what those who left said, against those who stayed."""
    ranked = []
    for each in answer["rows"]:
        shares = [each["left_share"], each["stayed_share"]]
        said = speech.say("apart", share=speech.share(shares[0]), other=speech.share(shares[1]))
        ranked.append(ranks.Ranked(_answer_given(each, beside.query.get("answers"), speech), said, shares))
    counts = {name: speech.number(answer[name]) for name in ("left", "stayed", "undecided")}
    said = speech.say("churned", share=speech.share(answer["churn_rate"]), **counts)
    return _bars(ranked, said, speech, [speech.say("left"), speech.say("stayed")])


def _answer_given(row: Answer, answers: Sequence[Mapping[str, Any]] | None, speech: Speech) -> str:
    """Return a question and its answer; those of feedback, which are asked for where nothing else is, in words."""
    label, value = row["label"], row["value"]
    if answers is None:
        return f"{speech.say(f'answer_{label}')} · {speech.value(value, f'feedback.{label}')}"
    for each in answers:
        field = each["field"].removeprefix("properties.")
        if (each.get("label") or field) == label and each["event"].startswith("feedback."):
            return f"{label} · {speech.value(value, f'feedback.{field}')}"
    return f"{label} · {value}"


def next_best(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    """Draw what goes together."""
    by = beside.query.get("by")
    most = max((each["score"] for each in answer["rows"]), default=1)
    ranked = []
    for each in answer["rows"]:
        items = [each["item"], *([each["goes_with"]] if each["goes_with"] is not None else [])]
        name = " · ".join(speech.value(item, by) for item in items)
        said = speech.say("both", count=speech.number(each["together"]))
        ranked.append(ranks.Ranked(name, said, [each["score"] / most]))
    return _bars(ranked, speech.say("compared_items", count=speech.number(answer["items_compared"])), speech)


def _bars(ranked: Sequence[ranks.Ranked], subtitle: str, speech: Speech, names: Sequence[str] = ()) -> Drawn:
    told = [speech.say("ranked", name=cut(each.name, 400), said=each.said) for each in ranked]
    return *ranks.draw(ranked, names), subtitle, told
