"""SQL of usage: of each person and feature which units of time it was used in, as bits of a few words, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from opsloop_metrics.insights.events import (
    CHARACTERS,
    Binding,
    from_events,
    matches,
    needs_traits,
    person_of,
    value_of,
)
from opsloop_metrics.insights.periods import EventFilter, Frame, interval_sql
from opsloop_metrics.usages.rules import Features

_EVER = datetime(1900, 1, 1, tzinfo=UTC)
_BITS = 64


def ranking(frame: Frame, bind: Binding, features: Features) -> str:
    """Return SQL for the values that most people used."""
    source = _source(frame, bind, features, since=frame.start)
    return (
        f"SELECT value FROM (SELECT {_told(features, bind)} AS value, {person_of(frame)} AS who {source}) "
        f"WHERE value != '' GROUP BY value ORDER BY uniqExact(who) DESC, value LIMIT {features.limit}"
    )


def usage(
    frame: Frame,
    bind: Binding,
    features: Features,
    *,
    units: Frame,
    interval_of: Sequence[int],
    day_of: Sequence[int],
) -> str:
    """Return SQL for rows of `Counted`.

    `units` is the frame in units of time of which both intervals and days are made, `interval_of` and `day_of` say where each lies.
    """
    # all events ever are read, for whose use is the first: of those before the range nothing else is kept
    source = _source(frame, bind, features, since=_EVER)
    events = (
        f"SELECT {person_of(frame)} AS who, e.time AS time, {interval_sql(units, 'e.time')} AS unit, "
        f"{_used(features, bind)} AS used {source}"
    )
    uses = f"SELECT who, time, unit, feature FROM ({events}) ARRAY JOIN if(unit < 0, used, arrayPushFront(used, 0)) AS feature"
    words = range(-(-len(day_of) // _BITS))
    bits = ", ".join(
        f"groupBitOrIf(bitShiftLeft(toUInt64(1), toUInt8(unit % {_BITS})), "
        f"unit >= {_BITS * word} AND unit < {_BITS * (word + 1)}) AS w{word}"
        for word in words
    )
    people = (
        f"SELECT feature, countIf(unit >= 0) AS events, min(time) >= {bind.time(frame.start)} AS is_new, {bits} "
        f"FROM ({uses}) GROUP BY who, feature HAVING events > 0"
    )
    places = ", ".join(f"arrayMap(bit -> bit + {_BITS * word}, bitPositionsToArray(w{word}))" for word in words)
    spread = (
        f"SELECT feature, events, is_new, arrayConcat({places}) AS units, {_through(interval_of)} AS places, "
        f"length({_through(day_of)}) AS days FROM ({people})"
    )
    whole = interval_of[-1] + 1  # the place behind the last stands for them all
    return (
        f"SELECT feature, place, count(), countIf(is_new), sum(events), sum(days) FROM ({spread}) "
        f"ARRAY JOIN arrayPushBack(places, {whole}) AS place GROUP BY feature, place"
    )


def breadth(frame: Frame, bind: Binding, features: Features) -> str:
    """Return SQL for pairs: how many features, how many active people used so many."""
    mask = f"arraySum(arrayMap(feature -> bitShiftLeft(toUInt64(1), feature), {_used(features, bind)}))"
    source = _source(frame, bind, features, since=frame.start)
    people = f"SELECT groupBitOr(toUInt64({mask})) AS mask {source} GROUP BY {person_of(frame)}"
    return f"SELECT bitCount(mask) AS features, count() FROM ({people}) GROUP BY features"


def _source(frame: Frame, bind: Binding, features: Features, *, since: datetime) -> str:
    """Return `FROM … WHERE …` of activity, and of what is a feature without being one."""
    wanted = [matches(each, bind) for each in (EventFilter(), *features.filters)]
    traits = needs_traits(*features.filters, fields=[features.by])
    return from_events(frame, bind, since=since, conditions=[f"({' OR '.join(wanted)})"], with_traits=traits)


def _used(features: Features, bind: Binding) -> str:
    """Return SQL for the numbers, from 1, of the features of which an event is a use."""
    numbers = [f"if({matches(each, bind)}, {number}, 0)" for number, each in enumerate(features.filters, start=1)]
    if features.values:
        size = len(features.values) + 1
        numbers = [f"transform({_told(features, bind)}, {bind.texts(features.values)}, range(1, {size}), 0)"]
    return f"arrayFilter(feature -> feature > 0, CAST([{', '.join(numbers)}] AS Array(UInt8)))"


def _told(features: Features, bind: Binding) -> str:
    return f"leftUTF8(toString({value_of(features.by, bind)}), {CHARACTERS})"


def _through(places: Sequence[int]) -> str:
    if list(places) == list(range(len(places))):
        return "units"
    return f"arrayDistinct(arrayMap(unit -> {list(places)}[unit + 1], units))"
