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
    source = _source(frame, bind, features, [EventFilter()], since=frame.start)
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
    source = _source(frame, bind, features, features.filters or [EventFilter()], since=_EVER)
    events = (
        f"SELECT {person_of(frame)} AS who, e.time AS time, {interval_sql(units, 'e.time')} AS unit, "
        f"{_used(features, bind)} AS used {source}"
    )
    uses = f"SELECT who, time, unit, feature FROM ({events}) ARRAY JOIN used AS feature"
    people = (
        f"SELECT feature, countIf(unit >= 0) AS events, min(time) >= {bind.time(frame.start)} AS is_new, {_bits(day_of)} "
        f"FROM ({uses}) GROUP BY who, feature HAVING events > 0"
    )
    spread = (
        f"SELECT feature, events, is_new, {_units(day_of)} AS units, {_through(interval_of)} AS places, "
        f"length({_through(day_of)}) AS days FROM ({people})"
    )
    return (
        f"SELECT feature, place, count(), countIf(is_new), sum(events), sum(days) FROM ({spread}) "
        f"ARRAY JOIN arrayPushBack(places, {interval_of[-1] + 1}) AS place GROUP BY feature, place"
    )


def active(frame: Frame, bind: Binding, features: Features, *, units: Frame, interval_of: Sequence[int]) -> str:
    """Return SQL for how many active people used so many features: rows of that number, a place as in `Counted`, and people."""
    mask = f"arraySum(arrayMap(feature -> bitShiftLeft(toUInt64(1), feature), {_used(features, bind)}))"
    events = (
        f"SELECT {person_of(frame)} AS who, {interval_sql(units, 'e.time')} AS unit, toUInt64({mask}) AS mask "
        f"{_source(frame, bind, features, [EventFilter(), *features.filters], since=frame.start)}"
    )
    people = f"SELECT bitCount(groupBitOr(mask)) AS used, {_bits(interval_of)} FROM ({events}) GROUP BY who"
    places = f"SELECT used, {_units(interval_of)} AS units, {_through(interval_of)} AS places FROM ({people})"
    return (
        f"SELECT used, place, count() FROM ({places}) "
        f"ARRAY JOIN arrayPushBack(places, {interval_of[-1] + 1}) AS place GROUP BY used, place"
    )


def _bits(units: Sequence[int]) -> str:
    """Return SQL for the units of time that there were, as bits of the words `w0`, `w1`, …"""
    return ", ".join(
        f"groupBitOrIf(bitShiftLeft(toUInt64(1), toUInt8(unit % {_BITS})), "
        f"unit >= {_BITS * word} AND unit < {_BITS * (word + 1)}) AS w{word}"
        for word in range(-(-len(units) // _BITS))
    )


def _units(units: Sequence[int]) -> str:
    """Return SQL for the numbers of the units in the words of `_bits`."""
    words = range(-(-len(units) // _BITS))
    places = ", ".join(f"arrayMap(bit -> bit + {_BITS * word}, bitPositionsToArray(w{word}))" for word in words)
    return f"arrayConcat({places})"


def _source(frame: Frame, bind: Binding, features: Features, filters: Sequence[EventFilter], *, since: datetime) -> str:
    """Return `FROM … WHERE …` of what any of the filters matches. What is a feature need not be activity."""
    wanted = [matches(each, bind) for each in filters]
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
