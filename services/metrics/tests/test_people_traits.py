"""Traits of people and groups: the last word counts in whatever order it comes, their number is bounded, and what is not kept is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import MessageKind, Reason
from opsloop_metrics.people import rules
from opsloop_metrics.people.rules import World
from services.metrics.tests.people import ACME, identify, said
from services.metrics.tests.test_people_rules import person, world_of

WRITES = {"set": "traits_set", "once": "traits_set_once"}


def written(*writes: tuple[str, int, object]) -> object:
    """Return what a trait is after writes (how, minute, value), "-" when it is not there."""
    block = [
        said("u", minute=at, traits_unset=("x",))
        if how == "unset"
        else said("u", minute=at, **{WRITES[how]: {"x": value}})
        for how, at, value in writes
    ]
    return person(world_of(*block), "u").traits.values.get("x", "-")


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        ([("set", 1, "a"), ("set", 2, "b")], "b"),
        ([("set", 2, "b"), ("set", 1, "a")], "b"),
        ([("set", 1, "a"), ("set", 1, "b")], "b"),
        ([("once", 1, "a"), ("once", 2, "b")], "a"),
        ([("once", 2, "b"), ("once", 1, "a")], "a"),
        ([("set", 1, "a"), ("once", 2, "b")], "a"),
        ([("once", 2, "b"), ("set", 1, "a")], "a"),
        ([("once", 1, "b"), ("set", 2, "a")], "a"),
        ([("set", 2, "a"), ("once", 1, "b")], "a"),
        ([("set", 1, "a"), ("unset", 2, None)], "-"),
        ([("unset", 2, None), ("set", 1, "a")], "-"),
        ([("unset", 1, None), ("set", 2, "a")], "a"),
        ([("set", 2, "a"), ("unset", 1, None)], "a"),
        ([("unset", 1, None), ("once", 2, "a")], "a"),
        ([("unset", 2, None), ("once", 1, "a")], "-"),
        ([("once", 1, "a"), ("unset", 2, None)], "-"),
        ([("once", 2, "a"), ("unset", 1, None)], "a"),
        ([("set", 1, None)], None),
        ([("set", 1, {"a": ["\ud800", "b\x00"]})], {"a": ["\ufffd", "b\ufffd"]}),
    ],
)
def test_a_late_word_overwrites_nothing_newer(writes, expected):
    assert written(*writes) == expected


@given(st.permutations([("set", 1, "a"), ("once", 2, "b"), ("set", 3, "c"), ("once", 0, "d")]))
def test_traits_come_out_the_same_in_any_order(writes):
    assert written(*writes) == "c"


def test_traits_are_bounded_and_what_does_not_fit_is_told():
    many = {f"n{index}": index for index in range(rules.MAX_TRAITS)}
    world = World(ACME, {}, [])

    verdicts = [
        world.hear(identify("u", traits_set=many)),
        world.hear(identify("u", traits_set={"n0": "x" * rules.MAX_TRAIT_BYTES})),
        world.hear(identify("u", traits_set={"y" * 201: 1})),
        world.hear(identify("u", traits_set={"one more": 1})),
        world.hear(identify("u", minute=1, traits_set={"n1": "new"})),
        world.hear(identify("u", groups={f"t{index}": "k" for index in range(rules.MAX_GROUPS + 1)})),
    ]

    assert [verdict.reason for verdict in verdicts] == [
        None, Reason.TOO_LARGE, Reason.TOO_LARGE, Reason.TOO_LARGE, None, Reason.TOO_LARGE,
    ]  # fmt: skip
    assert person(world, "u").traits.values == many | {"n1": "new"}
    assert len(world.members()) == rules.MAX_GROUPS


def test_a_pages_key_leaves_room_for_what_servers_say():
    half = rules.MAX_TRAITS // 2
    junk = {f"junk{index:02}": 1 for index in range(rules.MAX_TRAITS - 1)}
    world = World(ACME, {}, [])

    verdicts = [
        world.hear(identify("u", traits_set={"plan": "free"})),
        world.hear(identify("u", traits_set=junk, trusted=False)),
        world.hear(identify("u", minute=1, traits_set={"vip": True})),
        world.hear(identify("u", minute=1, traits_set={"junk00": 2}, trusted=False)),
    ]

    assert [verdict.reason for verdict in verdicts] == [None, Reason.TOO_LARGE, None, None]
    kept = person(world, "u").traits
    assert len(kept.stamps) == half + 1
    assert {"plan": "free", "vip": True, "junk00": 2}.items() <= kept.values.items()


def test_what_was_unset_gives_way():
    many = {f"n{index:02}": index for index in range(rules.MAX_TRAITS)}
    world = World(ACME, {}, [])
    world.hear(identify("u", traits_set=many))
    world.hear(identify("u", minute=1, traits_unset=("n01", "n02")))

    news = [world.hear(identify("u", minute=2, traits_set={name: 1})).reason for name in ("a", "b", "c")]

    assert news == [None, None, Reason.TOO_LARGE]
    kept = person(world, "u").traits
    assert kept.values.keys() == kept.stamps.keys() == many.keys() - {"n01", "n02"} | {"a", "b"}


def test_traits_of_groups_are_bounded_and_told_as_well():
    world = World(ACME, {}, [])
    traits = {f"n{index}": 1 for index in range(rules.MAX_TRAITS)}
    several = [traits, {"one more": 1}]

    verdicts = [
        world.hear(said("u", groups={"company": "c"}, kind=MessageKind.GROUP, group_traits=each)) for each in several
    ]

    assert [verdict.reason for verdict in verdicts] == [None, Reason.TOO_LARGE]
