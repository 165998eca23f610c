"""SQL and `conditions.holds` say the same of every document: a measure counts what a playbook would start for."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsloop_common.conditions import Condition, Op, holds
from opsloop_common.db import Context
from opsloop_metrics.events import service
from opsloop_metrics.events.rules import Aggregate, Selection
from opsloop_metrics.kpis.schemas import Where

SECOND = timedelta(seconds=1)
TYPE = "thing.happened"


async def counted(world, conditions, documents):
    """Return for each condition the numbers of the documents that it holds for, according to the store."""
    start, type = world.now, f"{TYPE}.{uuid4().hex}"
    edges = [start + place * SECOND for place in range(len(documents) + 1)]
    events = [world.thing(document, type=type, at=at) for document, at in zip(documents, edges[:-1], strict=True)]
    selections = [Selection(type, Aggregate.COUNT, None, (condition,)) for condition in conditions]
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await service.record(session, events)
        found = await service.series(session, selections, edges=edges)
    said = [[number for number, (value, _) in enumerate(points) if value] for points in found]
    meant = [
        [number for number, event in enumerate(events) if holds(condition, event.document())]
        for condition in conditions
    ]
    return said, meant


LARGE = 1.2345678901234568e18
VALUES = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    5,
    -3.5,
    LARGE,
    int(LARGE),
    "1",
    "s1",
    "s10",
    "支付",
    "支\u200b付",
    "",
    [],
    ["s\u20601", 2],
    ["s1", 1],
    [None],
    [[1]],
    {"a": 1},
]
WANTED = [
    *[
        (op, value)
        for op in ("eq", "ne")
        for value in (None, True, False, 0, 1, 1.0, LARGE, "1", "s1", "", "支付", "支付\ufe0f")
    ],
    *[(op, value) for op in ("lt", "le", "gt", "ge") for value in (0, 1, 4.5, -3.5, "s1", "", "支")],
    *[
        (op, value)
        for op in ("in", "not_in")
        for value in (["s1", "s2"], [1, None], [True, "1"], ["'; DROP TABLE kpi"])
    ],
    *[("contains", value) for value in ("s1", "1", "付", "支\u00ad付", "", 1, True, "%", "_")],
    *[("exists", value) for value in (True, False)],
]


WANTED_NAMES = [f"{op} {value!r}" for op, value in WANTED]


async def test_every_operator_over_every_kind_of_value(world):
    documents = [{"other": 1}, {"x": 1}, {"x": [{"y": 1}]}, *({"x": {"y": value}} for value in VALUES)]
    conditions = [Condition(field="data.x.y", op=op, value=value) for op, value in WANTED]

    said, meant = await counted(world, conditions, documents)

    assert dict(zip(WANTED_NAMES, said, strict=True)) == dict(zip(WANTED_NAMES, meant, strict=True))


async def test_conditions_reach_the_envelope(world):
    attributes = {"subject": "thing/1", "actor": "system", "workspace": "acme", "correlationid": "c"}
    conditions = [
        *[Where(field=name, op=Op.EQ, value=value) for name, value in attributes.items()],
        Where(field="type", op=Op.CONTAINS, value=TYPE),
        Where(field="id", op=Op.GT, value=""),
        *[Where(field=name, op=Op.EQ, value="other") for name in (*attributes, "type", "id")],
    ]

    said, meant = await counted(world, conditions, [{}])

    assert said == meant == [[0]] * 6 + [[]] * 6


LETTERS = ["", "a", "A", "ab", "b", "0", "1", "true", "é", "e\u0301", "支", "支付", "\uffff", "\U0001f600"]
TEXTS = st.sampled_from([*LETTERS, '"', "\\", "%", "'"])
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from(
        [0.1, 0.30000000000000004, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53, 2**53 + 1, 1.2345678901234568e18]
    ),
    st.sampled_from([1234567890123456768, 1234567890123456800, 2**63 - 1, -(2**63), 9.223372036854776e18]),
    st.floats(allow_nan=False, allow_infinity=False),
)
SCALARS = st.booleans() | NUMBERS | TEXTS
ODD = """支 '"{a}"""
NAMES = st.sampled_from(["0", ODD])
FIELDS = st.sampled_from(["data.a", "data.a", "data.a.0", f"data.a.{ODD}", "data.0.0"])


def lookalikes(value):
    """Return the values of other kinds that a careless comparison takes for this one."""
    if not isinstance(value, int | float):
        return [value]
    whole = max(-(2**63), min(int(value), 2**63 - 1))  # events carry integers of 64 bits
    return [value, whole, float(value), bool(value), f"{value}"]


@st.composite
def worlds(draw):
    """Return conditions and documents that are made of the same few values, so that they meet."""
    few = draw(st.lists(SCALARS, min_size=1, max_size=4))
    scalars = st.sampled_from([None, *(each for value in few for each in lookalikes(value))])
    lists, objects = st.lists(scalars, max_size=3), st.dictionaries(NAMES, scalars, max_size=2)
    anything = st.one_of(scalars, scalars, lists, objects, st.lists(lists | objects, max_size=2))
    documents = st.fixed_dictionaries({"a": anything}, optional={"0": anything})
    conditions = st.tuples(FIELDS, st.sampled_from(Op), scalars, st.lists(scalars, max_size=2)).map(where)
    return draw(st.lists(conditions, min_size=12, max_size=12)), draw(st.lists(documents, min_size=12, max_size=12))


def where(drawn):
    """Return a condition whose value suits its operator."""
    field, op, value, more = drawn
    match op:
        case Op.EXISTS:
            value = bool(value)
        case Op.IN | Op.NOT_IN:
            value = [value, *more]
        case Op.CONTAINS if value is None:
            value = ""
        case Op.LT | Op.LE | Op.GT | Op.GE if value is None or isinstance(value, bool):
            value = 1
    return Where(field=field, op=op, value=value)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(worlds())
async def test_sql_and_words_mean_the_same(world, drawn):
    conditions, documents = drawn

    said, meant = await counted(world, conditions, documents)

    assert said == meant
