"""How the event store is asked about many buckets at once, and that it says what the rules would say."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from opsloop_common.db import Context, ports_of
from opsloop_metrics.cohorts import rules, service
from opsloop_metrics.cohorts.service import Evaluation
from opsloop_metrics.definitions import DefinitionIn
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.segments import queries
from opsloop_metrics.store.port import TooHeavy
from services.metrics.tests.analyst import did, is_known
from services.metrics.tests.segmenting import Marketer, event, prop

NAMES = [f"u{number:02}" for number in range(40)]
CITY = {"type": "trait", "trait": "city", "op": "eq", "value": "上海"}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def marketer(world_with_store):
    found = Marketer(world_with_store)
    found.at("10T12:00")
    return found


class Asked:
    """The event store, noting of how many buckets it is asked at once; more than `most` are too heavy."""

    def __init__(self, marketer: Marketer, buckets: int, *, most: int = 64) -> None:
        self._store = ports_of(marketer.world.api.db, MetricsPorts).store
        self._size, self._most = rules.MOST_BUCKETS // buckets, most
        self.widths: list[int] = []

    async def query(self, sql: str, *given: Any, **more: Any) -> Any:
        if "SELECT bucket" in sql:
            first, last = re.findall(r"BETWEEN (\d+) AND (\d+)", sql)[0]
            self.widths.append((int(last) - int(first) + 1) // self._size)
            if self.widths[-1] > self._most:
                raise TooHeavy("This takes more memory than one query may.")
        return await self._store.query(sql, *given, **more)


async def evaluated(marketer: Marketer, store: Asked, buckets: int, *conditions: Any, **more: Any) -> list[set[str]]:
    """Return whom each bucket has, one after the other."""
    definition = rules.definition_of(DefinitionIn.model_validate({"conditions": conditions}).kept())
    evaluation, found = Evaluation(store, **more), []
    for number in range(buckets):
        async with marketer.world.api.db.transaction(Context("acme")) as session:
            bucket = rules.bucket_of(number, buckets)
            known = await service.known(session, definition, bucket, NOON, inside=queries.held)
        found.append(set(await evaluation.members(definition, known)))
    return found


async def tell_of_all(marketer: Marketer) -> None:
    await marketer.tell(*(did(name, "buy", "09") for name in NAMES))
    await marketer.tell(*(is_known(name, "09T13:00", city="上海") for name in NAMES[::2]))


@pytest.mark.parametrize(
    ("more", "widths"),
    [({}, [16, 16, 16, 16]), ({"width": 1}, [1, 2, 4, 8, 16, 16, 16, 1]), ({"width": 8}, [8, 16, 16, 16, 8])],
)
async def test_so_many_buckets_are_asked_about_at_once(marketer, more, widths):
    await tell_of_all(marketer)
    store = Asked(marketer, 64)

    found = await evaluated(marketer, store, 64, event("buy"), CITY, **more)

    assert store.widths == widths
    assert sum(map(len, found)) == len(set().union(*found)) == len(NAMES[::2])
    assert all(max(one) < min(two) for one, two in pairwise([each for each in found if each]))


async def test_what_is_too_heavy_is_asked_in_smaller_parts_from_then_on(marketer):
    await tell_of_all(marketer)
    store = Asked(marketer, 64, most=4)

    found = await evaluated(marketer, store, 64, event("buy"))

    assert store.widths == [16, 8, *[4] * 16]
    assert sum(map(len, found)) == len(NAMES)


async def test_a_bucket_that_is_too_heavy_by_itself_is_told(marketer):
    store = Asked(marketer, 64, most=0)

    with pytest.raises(TooHeavy):
        await evaluated(marketer, store, 64, event("buy"))

    assert store.widths == [16, 8, 4, 2, 1]


# What u1 and u2 spent; u3 did nothing of the kind.
SPENT = {"u1": 60.0, "u2": 100.5, "u3": None}
VALUES = {
    "eq ne": [60, 60.0, 100.5, 0, "60", "", True, None],
    "lt le gt ge": [60, 100.5, 0, -1, 1e300, "60"],
    "in not_in": [[60], [60.0, 100.5], [0, None], ["60", True], [None]],
    "contains": [60, "60", True],
    "exists": [True, False],
}


@pytest.mark.parametrize("aggregate", ["max", "sum"])
async def test_numbers_are_compared_as_by_the_rules(marketer, aggregate):
    await marketer.tell(
        did("u1", "buy", "08", {"amount": 60}), did("u2", "buy", "09", {"amount": 100.5}), did("u3", "look", "09")
    )
    marketer.at("10T12:00")
    silent = 0.0 if aggregate == "sum" else None

    for ops, values in VALUES.items():
        for op in ops.split():
            for value in values:
                wanted = prop(aggregate, op, value)
                [leaf] = rules.definition_of(DefinitionIn.model_validate({"conditions": [wanted]}).kept()).leaves(
                    object
                )
                holds = {
                    who: rules.compares(silent if spent is None else spent, leaf.condition)
                    for who, spent in SPENT.items()
                }
                assert await marketer.preview(wanted) == [who for who in SPENT if holds[who]], (op, value)


@pytest.mark.parametrize(
    ("condition", "beside"),
    [
        (event("buy"), event("look", "eq", 0)),
        (event("buy", "eq", 0), CITY),
        ({"type": "lifecycle", "stage": "dormant", "interval": "day"}, event("buy", "ge", 0)),
        ({"type": "lifecycle", "stage": "returning", "interval": "week"}, event(None, "ge", 0)),
        (prop("last", "eq", 7), CITY | {"op": "ne"}),
        (prop("sum", "gt", 3), CITY | {"op": "exists", "value": False}),
    ],
)
async def test_it_makes_no_difference_who_else_has_to_be_looked_at(marketer, condition, beside):
    """Those who did nothing that is asked for are looked at only where they might be in it."""
    await marketer.tell(
        did("u1", "buy", "03", {"amount": 7}), did("u1", "buy", "09", {"amount": 2}), did("u2", "buy", "09", {"amount": 7}),
        did("u3", "look", "09"), did("u3", "buy", "04"), is_known("u4", "09", city="上海"), is_known("u2", "09", city="上海"),
        did("u5", "buy", "10T10:00", {"amount": 3}), is_known("u5", "09", city="Berlin"),
    )  # fmt: skip
    marketer.at("10T12:00")
    everybody = [event("nothing", "eq", 0)]

    alone, other = await marketer.preview(condition), await marketer.preview(beside)

    assert await marketer.preview(condition, *everybody) == alone
    assert await marketer.preview(condition, beside) == sorted(set(alone) & set(other))
    either = {"type": "group", "match": "any", "conditions": [condition, beside]}
    assert await marketer.preview(either) == sorted(set(alone) | set(other))
