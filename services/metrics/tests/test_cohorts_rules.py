"""What definitions mean, as algebra over sets; and in which order segments that ask for each other are refreshed."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.conditions import Op
from opsloop_common.errors import Conflict, Invalid
from opsloop_metrics.cohorts import rules
from opsloop_metrics.cohorts.rules import Bought, Bucket, Definition, Did, Group, Is, Lives, Match, Member, Valued
from opsloop_metrics.insights.periods import EventFilter, Interval
from opsloop_metrics.lifecycles.rules import Status

A, B, C, D, E = (UUID(int=number) for number in range(1, 6))
NOTHING = {"segment_ids": [], "user_ids": []}
EVENT = {"type": "event", "event": "buy", "where": [], "op": "ge", "count": 2, "within": "P30D"}
WHERE = [{"field": "properties.plan", "op": "in", "value": ["pro", None]}]
TRAIT = {"type": "trait", "trait": "seats.paid", "op": "gt", "value": 3}
SEGMENT = {"type": "segment", "segment_id": str(A), "is_member": False}
RFM = {"type": "rfm", "recency": [4, 5], "frequency": None, "monetary": [1], "currency": "CNY"}
PROPERTY = {
    "type": "property", "event": None, "where": WHERE, "property": "properties.amount", "aggregate": "avg", "op": "le",
    "value": 1.5, "within": None,
}  # fmt: skip
LIFECYCLE = {"type": "lifecycle", "stage": "dormant", "interval": "week"}


def stored(*conditions, match="all", exclude=NOTHING):
    return {"match": match, "conditions": list(conditions), "exclude": exclude}


def group(*conditions, match="any"):
    return {"type": "group", "match": match, "conditions": list(conditions)}


def test_a_definition_is_read_as_it_is_kept():
    kept = stored(EVENT, group(PROPERTY, group(TRAIT, match="all")), SEGMENT, LIFECYCLE, RFM)

    found = rules.definition_of(kept)

    did, valued, has, member, lives, bought = found.leaves(object)
    assert (did.wanted, did.op, did.count, did.within) == (EventFilter("buy"), Op.GE, 2, timedelta(days=30))
    assert (valued.wanted.event, valued.aggregate, valued.within) == (None, "avg", None)
    assert [(each.field, each.op, each.value) for each in valued.wanted.where] == [
        ("properties.plan", Op.IN, ["pro", None])
    ]
    assert (valued.condition.field, valued.condition.op, valued.condition.value) == ("properties.amount", Op.LE, 1.5)
    assert (has.condition.field, has.condition.value) == ("person.seats.paid", 3)
    assert (member.segment_id, member.is_member) == (A, False)
    assert (lives.stage, lives.interval) == (Status.DORMANT, Interval.WEEK)
    assert (bought.recency, bought.frequency, bought.monetary) == ({4, 5}, frozenset(), {1})
    assert bought.currency == "CNY"
    assert [type(part) for part in found.group.parts] == [Did, Group, Member, Lives, Bought]
    assert [found.leaves(kind) for kind in (Did, Valued, Is)] == [[did], [valued], [has]]


@pytest.mark.parametrize(
    ("within", "expected"),
    [("P30D", timedelta(days=30)), ("PT1H", timedelta(hours=1)), ("P1DT2H3M4S", timedelta(1, 7384)), (None, None)],
)
def test_how_far_back_is_a_duration(within, expected):
    [leaf] = rules.definition_of(stored(EVENT | {"within": within})).leaves(Did)
    assert leaf.within == expected


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (None, set()),
        (stored(), set()),
        (stored(SEGMENT), {A}),
        (stored(group(group(SEGMENT))), {A}),
        (stored(exclude={"segment_ids": [str(B)], "user_ids": ["u"]}), {B}),
        (stored(SEGMENT, exclude={"segment_ids": [str(B)]}), {A, B}),  # without the users, as it is asked for
    ],
)
def test_which_segments_a_definition_asks_for(definition, expected):
    assert rules.asked_by(definition) == expected


def test_conditions_are_counted_with_those_in_groups():
    rules.require_few(stored(*[EVENT] * 20))
    rules.require_few(stored(group(*[EVENT] * 10), group(group(*[EVENT] * 10))))
    for much in (stored(*[EVENT] * 21), stored(EVENT, group(*[EVENT] * 10), group(group(*[EVENT] * 10)))):
        with pytest.raises(Invalid) as refused:
            rules.require_few(much)
        assert [each.pointer for each in refused.value.errors] == ["/definition/conditions"]


@pytest.mark.parametrize(
    ("op", "count", "did", "expected"),
    [
        (op, 2, did, expected)
        for op, each in {Op.GE: "00111", Op.LE: "11100", Op.EQ: "00100"}.items()
        for did, expected in enumerate(each)
    ]
    + [(Op.EQ, 0, 0, "1"), (Op.EQ, 0, 1, "0"), (Op.GE, 0, 0, "1"), (Op.LE, 0, 1, "0")],
)
def test_how_often(op, count, did, expected):
    assert rules.counts(did, Did(EventFilter("x"), op, count, None)) is bool(int(expected))


@pytest.mark.parametrize(
    ("op", "value", "given_value", "expected"),
    [
        ("eq", 20, 20.0, True),
        ("eq", 20, None, False),
        ("eq", None, None, True),
        ("eq", "20", 20.0, False),
        ("ne", 20, None, True),
        ("ne", 20, 20.0, False),
        ("lt", 20, 19.99, True),
        ("lt", 20, None, False),
        ("le", 20, 20.0, True),
        ("gt", 20, 20.0, False),
        ("ge", 20, 20.0, True),
        ("in", [1, 20], 20.0, True),
        ("not_in", [1], None, True),
        ("exists", True, 0.0, True),
        ("exists", False, None, True),
    ],
)
def test_what_a_property_came_to_is_compared_as_everywhere(op, value, given_value, expected):
    [leaf] = rules.definition_of(stored(PROPERTY | {"op": op, "value": value})).leaves(Valued)

    assert rules.compares(given_value, leaf.condition) is expected
    assert rules.holds_for_nothing(leaf.condition) is rules.compares(None, leaf.condition)


def test_that_a_field_is_there():
    condition = rules.is_there("properties.a")
    assert (condition.field, condition.op, condition.value) == ("properties.a", Op.EXISTS, True)


def lifecycle(stage):
    return LIFECYCLE | {"stage": stage}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        # somebody who did nothing of it may be in it
        (stored(), True),
        (stored(TRAIT), True),
        (stored(SEGMENT, RFM), True),
        (stored(EVENT | {"op": "eq", "count": 0}), True),
        (stored(EVENT | {"op": "le", "count": 1}), True),
        (stored(EVENT | {"op": "ge", "count": 0}), True),
        (stored(PROPERTY | {"op": "exists", "value": False}), True),
        (stored(PROPERTY | {"op": "ne"}), True),
        (stored(PROPERTY | {"aggregate": "sum"}), True),  # 0 is at most 1.5
        (stored(EVENT, TRAIT, match="any"), True),
        (stored(TRAIT, group(EVENT, SEGMENT)), True),
        (stored(lifecycle("dormant"), TRAIT, match="any"), True),
        # since when somebody is there is told by all events
        (stored(lifecycle("new")), True),
        (stored(EVENT, lifecycle("resurrecting")), True),
        # nobody else can be
        (stored(EVENT), False),
        (stored(EVENT, TRAIT, SEGMENT, RFM), False),
        (stored(PROPERTY), False),
        (stored(PROPERTY | {"aggregate": "sum", "op": "gt"}), False),
        (stored(PROPERTY | {"aggregate": "last"}), False),
        (stored(lifecycle("dormant")), False),
        (stored(lifecycle("returning"), EVENT, match="any"), False),
        (stored(TRAIT, group(EVENT, group(TRAIT, EVENT, match="all"))), False),
        (stored(match="any"), False),
    ],
)
def test_whether_more_people_have_to_be_looked_at_than_those_who_did_something(definition, expected):
    assert rules.needs_everybody(rules.definition_of(definition)) is expected


@pytest.mark.parametrize(
    ("definition", "asked", "is_settled"),
    [
        (stored(), 0, True),
        (stored(EVENT, group(PROPERTY, TRAIT), LIFECYCLE), 4, True),
        (stored(EVENT, SEGMENT), 1, False),
        (stored(group(group(RFM))), 0, False),
        (stored(EVENT, exclude={"segment_ids": [str(B)], "user_ids": []}), 1, False),
        (stored(EVENT, exclude={"segment_ids": [], "user_ids": ["u"]}), 1, False),
    ],
)
def test_what_the_event_store_is_asked_and_whether_that_is_all(definition, asked, is_settled):
    found = rules.definition_of(definition)

    assert len(rules.asked_of_store(found)) == asked
    assert rules.is_settled_by_store(found) is is_settled


PEOPLE = frozenset("abcdefgh")
people = st.frozensets(st.sampled_from(sorted(PEOPLE)))


def leaf():
    return Is(rules.is_there("person.x"))


@given(st.lists(people, max_size=5), people)
def test_all_is_everybody_in_each_and_any_is_everybody_in_one(found, excluded):
    leaves = {leaf(): each for each in found}
    every, some = (Definition(Group(match, tuple(leaves))) for match in (Match.ALL, Match.ANY))

    assert rules.members(every, PEOPLE, leaves, excluded) == PEOPLE.intersection(*found) - excluded
    assert rules.members(some, PEOPLE, leaves, excluded) == frozenset().union(*found) - excluded


@given(people, people, people)
def test_groups_in_groups(one, two, three):
    a, b, c = leaf(), leaf(), leaf()
    found = {a: one, b: two, c: three}
    either = Definition(Group(Match.ALL, (a, Group(Match.ANY, (b, Group(Match.ALL, (b, c)))))))
    both = Definition(Group(Match.ANY, (a, Group(Match.ALL, (b, Group(Match.ANY, (a, c)))))))

    assert rules.members(either, PEOPLE, found, set()) == one & (two | (two & three))
    assert rules.members(both, PEOPLE, found, set()) == one | (two & (one | three))


def test_who_is_nobody_here_is_in_nothing():
    one = leaf()

    for match in Match:
        found = rules.members(Definition(Group(match, (one,))), {"a"}, {one: {"a", "stranger"}}, set())
        assert found == {"a"}


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 1), (1, 1), (20_000, 1), (20_001, 2), (40_000, 2), (40_001, 4), (1_000_000, 64), (10**12, 65_536)],
)
def test_into_how_many_buckets(count, expected):
    assert rules.buckets_for(count) == expected


@pytest.mark.parametrize("count", [1, 2, 8, 65_536])
def test_buckets_have_everybody_once(count):
    found = [rules.bucket_of(number, count) for number in range(count)]

    assert (found[0].low, found[-1].high) == (UUID(int=0), UUID(int=2**128 - 1))
    assert all(one.high.int + 1 == two.low.int for one, two in itertools.pairwise(found))
    assert found[0].is_everything is (count == 1)


@pytest.mark.parametrize(
    ("number", "count", "asked", "last"), [(0, 64, 16, 15), (60, 64, 16, 63), (5, 8, 1, 5), (3, 8, 2, 4), (0, 1, 16, 0)]
)
def test_a_bucket_and_those_that_follow_it(number, count, asked, last):
    bucket = rules.bucket_of(number, count)

    assert rules.span_of(bucket, asked) == Bucket(bucket.first, rules.bucket_of(last, count).last)


def test_a_bucket_is_told_by_the_first_16_bits():
    bucket = Bucket(0x1234, 0x1235)

    assert (str(bucket.low)[:4], str(bucket.high)) == ("1234", "1235ffff-ffff-ffff-ffff-ffffffffffff")


def test_times_are_as_exact_as_the_store_keeps_them():
    at = datetime(2026, 3, 10, 12, 0, 0, 123_456, tzinfo=UTC)

    assert rules.whole_milliseconds(at).microsecond == 123_000
    assert rules.shifted(rules.whole_milliseconds(at)).microsecond == 124_000


# d asks for b and c, both for a; e for nobody
ASKED = {D: {B, C}, B: {A}, C: {A}, A: set(), E: set()}


def test_each_comes_after_those_that_it_asks_for():
    found = rules.in_order(ASKED)

    assert sorted(found) == sorted(ASKED)
    assert all(found.index(asked) < found.index(each) for each, some in ASKED.items() for asked in some)
    assert rules.in_order({A: {B}}) == [A]  # one that is gone is passed over
    assert rules.in_order({}) == []


@pytest.mark.parametrize(
    ("changed", "expected"), [(A, [B, C, D]), (B, [D]), (C, [D]), (D, []), (E, []), (UUID(int=9), [])]
)
def test_who_has_to_follow_a_change(changed, expected):
    assert rules.dependents(changed, ASKED) == expected


@pytest.mark.parametrize(
    ("segment", "asks_for", "is_ring"),
    [
        (None, {A, D}, False),
        (A, set(), False),
        (A, {E}, False),
        (D, {A, B, E}, False),
        (A, {A}, True),
        (A, {B}, True),
        (A, {D}, True),
        (A, {E, D}, True),
        (B, {D}, True),
        (B, {C}, False),
    ],
)
def test_no_ring_of_segments(segment, asks_for, is_ring):
    if not is_ring:
        rules.require_no_cycle(segment, asks_for, ASKED)
        return
    with pytest.raises(Conflict, match="ask for itself"):
        rules.require_no_cycle(segment, asks_for, ASKED)


def test_a_segment_that_is_not_there_is_named():
    with pytest.raises(Invalid) as refused:
        rules.require_no_cycle(A, {UUID(int=9)}, ASKED)

    [error] = refused.value.errors
    assert (error.pointer, str(UUID(int=9)) in error.detail) == ("/definition", True)
