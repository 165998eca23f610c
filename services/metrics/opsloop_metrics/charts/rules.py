"""From an insight's answer, as its door tells it, to a picture. Everything that is shown is in the answer, or noted beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from string import ascii_uppercase
from typing import Any
from zoneinfo import ZoneInfo

from opsloop_metrics.canvas.drawing import Markup, cut, document, text
from opsloop_metrics.canvas.scales import drawable
from opsloop_metrics.canvas.words import Speech, language_of
from opsloop_metrics.charts import bars, flows, grids, lines, ranking
from opsloop_metrics.charts.drawn import Answer as Answer
from opsloop_metrics.charts.drawn import Beside as Beside
from opsloop_metrics.charts.drawn import Drawn as Drawn
from opsloop_metrics.charts.lines import Band as Band
from opsloop_metrics.charts.lines import Line as Line
from opsloop_metrics.charts.lines import Note as Note
from opsloop_metrics.insights.periods import Frame, Interval

Drawer = Callable[[Answer, Speech, Beside], Drawn]
_BY_INTERVAL = ("intervals", "cohorts", "periods")  # answers with one of these begin with a whole interval
_DORMANT = "f1"  # hangs down: what stands out there is its lowest
_TOLD = 12  # things that the description says one by one


def draw(
    kind: str,
    answer: Answer,
    *,
    title: str | None = None,
    locale: str = "en",
    zone: str = "UTC",
    beside: Beside | None = None,
) -> str:
    """Return an SVG (UTF-8, one `svg` element, no script and nothing from elsewhere) of an insight's answer.

    `kind` is the name of an insight's path (`trends`, `active-users`, `funnel` …), `answer` the JSON of its door, `locale` a BCP 47
    tag: Chinese or, for all others, English; days are those of `zone`. Bounded in size however large the answer is.
    """
    speech = Speech(language_of(locale), ZoneInfo(zone))
    return drawn(_DRAWERS[kind], answer, speech, title=title or speech.say(kind), beside=beside)


def drawn(drawer: Drawer, answer: Answer, speech: Speech, *, title: str, beside: Beside | None = None) -> str:
    """Return the same of whatever has a drawer."""
    beside = beside or Beside()
    body, height, subtitle, told = drawer(answer, speech, beside)
    if not told:
        body, height = text(28, 120, speech.say("empty"), css="soft", size=14), 180
        subtitle, told = speech.say("nothing"), [speech.say("nothing")]
    subtitle = " · ".join(filter(None, (_when(answer, speech, beside.frame), subtitle)))
    more = len(told) - _TOLD
    said = told[:_TOLD] + ([speech.say("more", count=speech.number(more))] if more > 0 else [])
    return document(
        body,
        title=title,
        description=" ".join([speech.say("sentence", said=subtitle), *said]),
        subtitle=subtitle,
        height=height,
        language="zh-CN" if speech.language == "zh" else "en",
    )


def _when(answer: Answer, speech: Speech, frame: Frame | None) -> str:
    """Return the days that an answer is about, to the last that was asked for: not to the first of its last week or month."""
    starts = starts_of(answer)
    if frame is None:
        return speech.range(starts) if starts else ""
    by_interval = not answer.keys().isdisjoint(_BY_INTERVAL)
    start = frame.edges[0] if by_interval else frame.start
    return speech.span(start, frame.end, by_hour=by_interval and frame.interval is Interval.HOUR)


def starts_of(answer: Answer) -> list[datetime]:
    """Return when the intervals of an answer begin, none where it has no intervals."""
    starts = answer.get("intervals") or sorted({each["start"] for each in answer.get("cohorts", ())})
    return [datetime.fromisoformat(start) for start in starts]


def _trends(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    found = sorted(answer["series"], key=lambda each: -abs(each["total"] or 0))  # the largest, where not all have room
    several = len({each["name"] for each in found}) > 1
    named = [
        Line(
            _series_name(each, speech, beside.divided_by, several=several),
            each["values"],
            total=each["total"] if _adds_up(each["name"], beside.query) else None,
            before=each["previous"]["values"] if each["previous"] else None,
            smooth=each["moving_average"],
        )
        for each in found
    ]
    totals = [each["total"] for each in found]
    said = [speech.say("compared")] if any(each.before is not None for each in named) else []
    return over_time(answer, named, speech, beside, totals=totals, said=said)


def _adds_up(name: str, query: Mapping[str, Any]) -> bool:
    """Say whether a series, A, B …, is one whose values make its total: not of people, of means or of a formula."""
    aggregates = [each.get("aggregate", "count") for each in query.get("series", ())]
    return dict(zip(ascii_uppercase, aggregates, strict=False)).get(name) in ("count", "sum")


def _series_name(each: Answer, speech: Speech, field: str | None, *, several: bool) -> str:
    label, value = each["label"] or each["name"], each["breakdown"]
    label = speech.say("any") if label == "*" else label
    if value is None:
        return str(label)
    value = speech.value(value, field)
    return f"{cut(label, 400)} · {value}" if several else str(value)


def _active_users(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    named = [Line(speech.say(name), answer[name]) for name in ("mau", "wau", "dau")]
    last = _last(answer["stickiness"][: answer.get("incomplete_from")])
    said = [] if last is None else [speech.say("stick", share=speech.share(last))]
    return over_time(answer, named, speech, beside, said=said)


def _sessions(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    counts = answer["sessions"]
    named = [
        Line(speech.say("sessions_series"), counts, sum(counts)),
        Line(speech.say("people"), answer["people"]),
    ]
    length, bounced = (_mean(answer[name], counts) for name in ("average_seconds", "bounce_rate"))
    said = [] if length is None else [speech.say("length", time=speech.time(length))]
    said += [] if bounced is None else [speech.say("bounced", share=speech.share(bounced))]
    return over_time(answer, named, speech, beside, said=said)


def _revenue(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    unit, totals = 10 ** answer["currency_digits"], answer["totals"]
    currency, digits = answer["currency"] or "", answer["currency_digits"]

    def line(name: str) -> Line:
        return Line(
            f"{speech.say(name)} {currency}".strip(),
            [minor / unit for minor in answer[name]],
            totals[name] / unit,
            digits=digits,
        )

    said = [speech.say("buyers", count=speech.number(totals["buyers"]))]
    if totals["arppu"] is not None:
        said.append(speech.say("arppu", amount=f"{speech.money(totals['arppu'] / unit, digits)} {currency}".strip()))
    named = [line("net"), line("refunds")]
    sums = [totals[name] / unit for name in ("net", "refunds")]
    return over_time(answer, named, speech, beside, totals=sums, said=said)


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _mean(values: Sequence[float | None], counts: Sequence[int]) -> float | None:
    """Return the mean of all from the means of intervals and how many they are of."""
    found = [(value, count) for value, count in zip(values, counts, strict=True) if value is not None]
    return sum(value * count for value, count in found) / sum(count for _, count in found) if found else None


def over_time(
    answer: Answer,
    named: Sequence[Line],
    speech: Speech,
    beside: Beside,
    *,
    totals: Sequence[float | None] = (),
    said: Sequence[str] = (),
) -> Drawn:
    """Return lines over the intervals of an answer, `said` and what is to be known of them below the title."""
    starts = starts_of(answer)
    if not starts or not named:
        return Markup(""), 0, "", []
    days = speech.days(starts)
    open_from = answer.get("incomplete_from")
    body, height = lines.draw(named, starts, speech, open_from=open_from, notes=beside.notes, bands=beside.bands)
    subtitle = " · ".join([*said, *([speech.say("incomplete")] if open_from is not None else [])])
    told = [_in_words(each, days, speech) for each in named]
    for place, total in enumerate(totals):
        name = cut(named[place].name, 400)
        told[place] += (
            "" if total is None else f" {speech.say('series_total', name=name, total=named[place].said(total, speech))}"
        )
    inside = [note for note in beside.notes if starts[0] <= note.at]
    told += [speech.say("noted", when=speech.at(note.at), text=cut(note.text, 1_200)) for note in inside]
    told += [speech.say("sentence", said=band.text) for band in beside.bands]
    return body, height, subtitle, told


def _in_words(each: Line, days: Sequence[str], speech: Speech, *, lowest: bool = False) -> str:
    values = [(value, place) for place, value in enumerate(drawable(each.values)) if value is not None]
    name = cut(each.name, 400)
    if not values:
        return speech.say("ranked", name=name, said=speech.say("nothing"))
    if each.is_aim:
        return speech.say("ranked", name=name, said=each.said(values[-1][0], speech))
    sign = -1 if lowest else 1
    peak, place = max(values, key=lambda found: (sign * found[0], -found[1]))
    first, last, most = (each.said(value, speech) for value in (values[0][0], values[-1][0], peak))
    return speech.say(
        "series_low" if lowest else "series", name=name, first=first, last=last, peak=most, when=days[place]
    )


def _lifecycle(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    starts = starts_of(answer)
    if not starts:
        return Markup(""), 0, "", []
    order = (("f0", "returning"), ("f2", "new"), ("f4", "resurrecting"), (_DORMANT, "dormant"))
    parts = [(css, speech.say(name), answer[name]) for css, name in order]
    body, height = bars.lifecycle(parts, starts, speech, open_from=answer.get("incomplete_from"))
    days = speech.days(starts)
    told = [_in_words(Line(name, values), days, speech, lowest=css == _DORMANT) for css, name, values in parts]
    return body, height, speech.say("pale") if answer.get("incomplete_from") is not None else "", told


def _stickiness(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    people = answer["people"]
    body, height = bars.stickiness(people, speech)
    told = [
        speech.say("on_days", days=speech.number(place), count=speech.number(count))
        for place, count in enumerate(people, start=1)
        if count
    ]
    return body, height, speech.say("active_in", count=speech.number(answer["periods"])), told


def _funnel(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    steps = answer["steps"]
    if not steps:
        return Markup(""), 0, "", []
    parts = [(speech.value(part["value"], beside.divided_by), part["steps"]) for part in answer["breakdown"] or ()]
    body, height = bars.funnel(steps, parts, speech)
    taken = answer["time_to_convert"]
    said = [speech.say("converted", share=speech.share(steps[-1]["from_first"]))]
    if taken["median_seconds"] is not None:
        median, average = speech.time(taken["median_seconds"]), speech.time(taken["average_seconds"])
        said.append(speech.say("to_convert", median=median, average=average))
    told = [
        speech.say(
            "step",
            name=cut(step["label"], 400),
            count=speech.number(step["count"]),
            share=speech.share(step["from_first"]),
        )
        for step in steps
    ]
    return body, height, " · ".join(said), told


def _retention(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    cohorts = answer["cohorts"]
    if not cohorts:
        return Markup(""), 0, "", []
    starts = [datetime.fromisoformat(each["start"]) for each in cohorts]
    names = speech.days(sorted(set(starts)))
    by_start = dict(zip(sorted(set(starts)), names, strict=True))
    rows = [
        (
            by_start[start]
            if each["breakdown"] is None
            else f"{by_start[start]} · {speech.value(each['breakdown'], beside.divided_by)}",
            each,
        )
        for start, each in zip(starts, cohorts, strict=True)
    ]
    body, height = grids.draw(rows, answer["average"], speech)
    is_open = any(value["has_begun"] and not value["is_complete"] for each in cohorts for value in each["values"])
    said = [speech.say("cohorts", count=speech.number(len(cohorts)))]
    told = [
        speech.say(
            "cohort",
            name=cut(name, 400),
            size=speech.number(each["size"]),
            values=", ".join(
                speech.share(value["share"])
                if value["is_complete"]
                else speech.say("so_far", value=speech.share(value["share"]))
                for value in each["values"][: grids.MOST_COLUMNS]
                if value["has_begun"]
            ),
        )
        for name, each in rows
    ]
    return body, height, " · ".join(said + ([speech.say("outlined")] if is_open else [])), told


def _paths(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    body, height = flows.draw(answer["nodes"], answer["edges"], speech)
    told = [
        speech.say(
            "edge",
            source=cut(flows.called(edge["source"]), 400),
            target=cut(flows.called(edge["target"]), 400),
            count=speech.number(edge["count"]),
        )
        for edge in sorted(answer["edges"], key=lambda each: -each["count"])
    ]
    if body and not told:
        told = [
            speech.say("series_total", name=cut(node["name"], 400), total=speech.number(node["count"]))
            for node in answer["nodes"]
        ]
    if answer["sessions"] and not told:
        body, height = text(28, 120, speech.say("no_ways"), css="soft", size=14), 180
    sessions, single = answer["sessions"], answer["single"]
    said = speech.say(
        "went", sessions=speech.number(sessions), single=speech.number(single),
        share=speech.share(single / sessions if sessions else None),
    )  # fmt: skip
    return body, height, said, told or [speech.say("no_ways")] * bool(sessions)


def _experience(answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    pages = answer["friction"]
    body, height = bars.friction(pages, speech)
    told = [_vital(each, speech) for each in answer["vitals"]["metrics"] if each["rating"]] if pages else []
    told += [
        speech.say(
            "troubled",
            page=cut(page["page"], 400),
            count=speech.number(page["troubled"]),
            people=speech.number(page["people"]),
            share=speech.share(page["score"]),
        )
        for page in pages
    ]
    return body, height, speech.say("friction", people=speech.number(answer["people"])), told


def _vital(each: Answer, speech: Speech) -> str:
    metric, p75 = each["metric"], speech.number(round(each["p75"], 3 if each["metric"] == "cls" else 0))
    value = p75 if metric == "cls" else speech.say("milliseconds", count=p75)
    return speech.say(
        "vital", metric=speech.value(metric, "metric"), value=value, rating=speech.value(each["rating"], "rating")
    )


_DRAWERS: dict[str, Drawer] = {
    "trends": _trends,
    "active-users": _active_users,
    "sessions": _sessions,
    "revenue": _revenue,
    "lifecycle": _lifecycle,
    "stickiness": _stickiness,
    "funnel": _funnel,
    "retention": _retention,
    "paths": _paths,
    "experience": _experience,
    "attribution": ranking.attribution,
    "breakdown": ranking.breakdown,
    "usage": ranking.usage,
    "churn": ranking.churn,
    "next-best": ranking.next_best,
}
KINDS = frozenset(_DRAWERS)
"""The insights that have a picture."""
