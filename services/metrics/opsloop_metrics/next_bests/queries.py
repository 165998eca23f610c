"""SQL of what goes together: of each person the items, numbered by how many people use them, in pairs."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from opsloop_metrics.insights.events import Binding, from_events, matches, needs_traits, person_of, value_of
from opsloop_metrics.insights.periods import Frame
from opsloop_metrics.next_bests.rules import ITEMS_A_PERSON, MOST_ITEMS, Begun, Compared, NextBest

_EVER = datetime(1900, 1, 1, tzinfo=UTC)
_CHARACTERS = 200
"""Of an item: a thousand of them go to the store with each question."""
_NUMBERS = 1_024
"""A time and an item's number are kept as one number: 8 bytes an event instead of some 40."""


def items(frame: Frame, bind: Binding, asked: NextBest) -> str:
    """Return SQL for the items that are compared and how many people used each, those that most did first."""
    return (
        f"SELECT item, uniqExact(who) AS people FROM ({_uses(frame, bind, asked)}) WHERE item != '' "
        f"GROUP BY item ORDER BY people DESC, item LIMIT {MOST_ITEMS}"
    )


def used(frame: Frame, bind: Binding, asked: NextBest, compared: Compared, person: UUID) -> str:
    """Return SQL for those compared items that a person ever used, those used last first, and whether that was in the range."""
    own = f"{person_of(frame)} = toUUID({bind.text(str(person))})"
    uses = _uses(frame, bind, asked, since=_EVER, until=max(frame.now, frame.end), condition=own)
    inside = f"time >= {bind.time(frame.start)} AND time < {bind.time(frame.end)}"
    return (
        f"SELECT item, countIf({inside}) > 0 AS is_in_range FROM ({uses}) WHERE has({bind.texts(compared.values)}, item) "
        f"GROUP BY item ORDER BY maxIf(time, {inside}) DESC, item LIMIT {MOST_ITEMS}"
    )


def together(frame: Frame, bind: Binding, asked: NextBest, compared: Compared, start: Begun) -> str:
    """Return SQL with the rows of `Found`, the highest score first.

    With seeds, mate 0 stands for any of them: whoever uses an item and one of them is counted there once.
    """
    both = f"sqrt({list(compared.people)}[item] * {list(compared.people)}[mate])"
    enough = f"people >= {asked.min_people}"
    pairs = (
        f"SELECT item, mate, count() AS people FROM ({_pairs(frame, bind, asked, compared, start)}) GROUP BY item, mate"
    )
    if asked.user_id is not None:
        found = (
            f"SELECT item, 0 AS other, sumIf(people / {both}, mate > 0 AND {enough}) AS score, maxIf(people, mate = 0) AS together "
            f"FROM ({pairs}) GROUP BY item"
        )
    else:
        found = f"SELECT item, mate AS other, people / {both} AS score, people AS together FROM ({pairs}) WHERE mate > 0 AND {enough}"
    # rounded: the order in which numbers are added up changes their last digits
    values = bind.texts(compared.values)
    return (
        f"SELECT item, other, round(score, 12) AS rounded, together FROM ({found}) WHERE score > 0 "
        f"ORDER BY rounded DESC, together DESC, {values}[item], {values}[other] LIMIT {asked.limit}"
    )


def _pairs(frame: Frame, bind: Binding, asked: NextBest, compared: Compared, start: Begun) -> str:
    """Return SQL for each two items of each person: `item`, and one of the seeds, or whatever more people use, as `mate`."""
    people = _items_of_people(frame, bind, asked, compared)
    if start.seeds is None:
        # joined one after the other, so that no block ever holds all pairs of all its people
        own = f"SELECT arraySort(arrayFilter(number -> NOT has({_numbers(start.left_out)}, number), own)) AS own FROM ({people})"
        first = f"SELECT item, arraySlice(own, 1, place - 1) AS mates FROM ({own}) ARRAY JOIN own AS item, arrayEnumerate(own) AS place"
        return f"SELECT item, mate FROM ({first}) ARRAY JOIN mates AS mate"
    seeds = f"arrayFilter(number -> has({_numbers(start.seeds)}, number), own)"
    with_any = f"SELECT own, arrayPushFront({seeds}, 0) AS mates FROM ({people}) WHERE length(mates) > 1"
    first = (
        f"SELECT item, mates FROM ({with_any}) "
        f"ARRAY JOIN arrayFilter(number -> NOT has({_numbers(start.left_out)}, number), own) AS item"
    )
    return f"SELECT item, mate FROM ({first}) ARRAY JOIN mates AS mate"


def _items_of_people(frame: Frame, bind: Binding, asked: NextBest, compared: Compared) -> str:
    """Return SQL for the numbers of each person's items, those used last first, of one time those that more people use."""
    number = f"transform(item, {bind.texts(compared.values)}, range(1, {len(compared.values) + 1}), 0)"
    uses = f"SELECT who, time, {number} AS number FROM ({_uses(frame, bind, asked)}) WHERE number > 0"
    packed = f"toUnixTimestamp64Milli(time) * {_NUMBERS} + {_NUMBERS - 1} - number"
    last = f"arrayDistinct(arrayMap(each -> {_NUMBERS - 1} - bitAnd(each, {_NUMBERS - 1}), arrayReverseSort(groupArray({packed}))))"
    return f"SELECT CAST(arraySlice({last}, 1, {ITEMS_A_PERSON}) AS Array(UInt16)) AS own FROM ({uses}) GROUP BY who"


def _uses(
    frame: Frame,
    bind: Binding,
    asked: NextBest,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    condition: str = "1",
) -> str:
    conditions = [matches(asked.of, bind), condition]
    traits = needs_traits(asked.of, fields=[asked.by])
    source = from_events(frame, bind, since=since, until=until, conditions=conditions, with_traits=traits)
    item = f"leftUTF8(toString({value_of(asked.by, bind)}), {_CHARACTERS})"
    return f"SELECT {person_of(frame)} AS who, e.time AS time, {item} AS item {source}"


def _numbers(numbers: list[int]) -> str:
    return f"CAST({numbers} AS Array(UInt16))"
