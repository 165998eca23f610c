"""Who becomes whom, as tables; and that the order in which it is said makes no difference where it should not."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import Heard, MessageKind, Reason, person_id
from opsloop_metrics.people import rules
from opsloop_metrics.people.rules import Alias, Person, Traits, World
from services.metrics.tests.people import ACME, T0, alias, identify, said


def world_of(*block: Heard, world: World | None = None) -> World:
    """Return the world after a block; without one given, it begins with nobody."""
    world = world or World(ACME, {}, [])
    for heard in block:
        world.hear(heard)
    return world


def groups(world: World) -> list[set[str]]:
    """Return who is one, as sets of ids."""
    found: dict[object, set[str]] = defaultdict(set)
    for id, each in world.aliases.items():
        found[world.living(each.person_id)].add(id)
    return sorted(found.values(), key=sorted)


def person(world: World, id: str) -> Person:
    return world.persons[world.living(world.aliases[id].person_id)]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param([said("a")], [{"a"}], id="an anonymous id is a person"),
        pytest.param([said("a"), identify("u", "a")], [{"a", "u"}], id="anonymous first"),
        pytest.param([identify("u", "a"), said("a")], [{"a", "u"}], id="the user first"),
        pytest.param([identify("u"), said("a"), identify("u", "a")], [{"a", "u"}], id="both known"),
        pytest.param([identify("u", "a"), identify("v", "a")], [{"a", "u"}, {"v"}], id="two on one device stay two"),
        pytest.param(
            [identify("u", "a"), identify("v", "b"), identify("u", "b")],
            [{"a", "u"}, {"b", "v"}],
            id="a device stays with the first",
        ),
        pytest.param([identify("u", "a"), identify("u", "b")], [{"a", "b", "u"}], id="one user, two devices"),
        pytest.param([identify("u"), identify("v"), alias("v", "u")], [{"u", "v"}], id="an alias joins two users"),
        pytest.param(
            [identify("u"), identify("v"), alias("v", "u", trusted=False)], [{"u"}, {"v"}], id="but not from a browser"
        ),
        pytest.param([said("a"), alias("u", "a", trusted=False)], [{"a", "u"}], id="a browser may say who it was"),
        pytest.param(
            [identify("u"), said("a"), said("a", "u", explicit=True)], [{"a", "u"}], id="an unknown one joins a user"
        ),
        pytest.param([said("a", "a")], [{"a"}], id="itself"),
        pytest.param([identify("u", "null"), said("null")], [{"null"}, {"u"}], id="nobody is nobody"),
        pytest.param([said("Anonymous", "a", user=True), said("a")], [{"Anonymous"}, {"a"}], id="nobody joins nobody"),
        pytest.param(
            [said("a"), said("b"), alias("u", "a"), alias("u", "b"), alias("v", "u")],
            [{"a", "b", "u", "v"}],
            id="a chain",
        ),
        pytest.param([said("a", personless=True)], [], id="who is to be nobody makes nobody"),
        pytest.param(
            [identify("u", "victim", trusted=False), identify("victim")],
            [{"u"}, {"victim"}],
            id="a user whose id a browser took before it came starts apart",
        ),
        pytest.param([identify("u", "v"), identify("v")], [{"u", "v"}], id="a server may say so before it came"),
        pytest.param(
            [identify("u", "a", trusted=False), said("a")], [{"a", "u"}], id="the browser's own anonymous id stays"
        ),
    ],
)
def test_who_is_one(block, expected):
    assert groups(world_of(*block)) == expected


def test_what_is_refused_or_warned_of():
    world = World(ACME, {}, [], erased=frozenset({"gone"}))
    block = [
        (said("gone"), Reason.ERASED),
        (identify("u", "gone"), None),
        (alias("u", "gone"), Reason.ERASED),
        (identify("v"), None),
        (alias("v", "u", trusted=False), Reason.MERGE_REFUSED),
        (alias("v", "u"), None),
        (said("gone", personless=True), Reason.ERASED),
    ]

    verdicts = [world.hear(heard) for heard, _ in block]

    assert [verdict.reason for verdict in verdicts] == [reason for _, reason in block]
    assert [verdict.person_id is None for verdict in verdicts] == [True, False, False, False, False, False, True]
    assert groups(world) == [{"u", "v"}], "what was erased does not come back by a link"


def test_a_person_without_a_profile_has_the_id_that_the_profile_would_have():
    world = World(ACME, {}, [])

    assert world.hear(said("a", personless=True)).person_id == person_id(ACME, "a") == world.hear(said("a")).person_id
    world.hear(identify("u", "a"))
    assert world.hear(said("a", personless=True)).person_id == world.living(person_id(ACME, "a"))


def test_what_is_said_by_nobody_says_nothing_of_anybody():
    world = world_of(said("null", user=True, traits_set={"email": "x"}, groups={"company": "c"}))

    assert (person(world, "null").is_identified, person(world, "null").traits.values) == (False, {})
    assert world.members() == {}


def test_the_one_who_stays_outweighs_the_other_and_both_began_when_the_first_did():
    world = world_of(
        said("a", minute=3, traits_set={"plan": "free", "tag": "x"}),
        identify("u", minute=9, traits_set={"plan": "pro"}),
        identify("u", "a", minute=10),
        said("a", minute=1),
    )

    found = person(world, "a")
    assert found.id == person_id(ACME, "u")
    assert (found.traits.values, found.first_seen_at) == ({"plan": "pro", "tag": "x"}, T0 + timedelta(minutes=1))
    assert (found.user_id, found.is_identified) == ("u", True)


def test_it_is_called_by_its_first_user_id():
    world = world_of(said("a"), said("b", "a", explicit=True))
    assert person(world, "a").user_id == "b"
    assert person(world_of(identify("u"), identify("v", "u", explicit=True), world=world), "u").user_id == "v"
    assert person(world_of(identify("b"), world=world), "a").user_id == "b"


def test_groups_are_joined_by_whoever_the_speaker_turns_out_to_be():
    company = {"company": "c1"}
    world = world_of(
        said("a", minute=5, groups=company),
        said("a", minute=2, groups=company | {"team": "t"}),
        identify("u", "a"),
        said("u", minute=9, kind=MessageKind.GROUP, groups=company, group_traits={"seats": 5}),
        said("u", minute=8, kind=MessageKind.GROUP, groups=company, group_traits={"seats": 3}),
        said("u", minute=9, kind=MessageKind.GROUP, groups=company | {"team": "t"}, group_traits={"seats": 7}),
    )

    u = person_id(ACME, "u")
    assert world.members() == {(u, *one): T0 + timedelta(minutes=2) for one in (("company", "c1"), ("team", "t"))}
    assert world.groups[("company", "c1")].values == {"seats": 5}
    assert list(world.changed_groups) == [("company", "c1")], "of which of two groups something is said nobody knows"
    assert rules.groups_of([said("u", kind=MessageKind.GROUP, groups=company)]) == [("company", "c1")]
    assert rules.groups_of([said("u", groups=company)]) == []


def test_a_server_describes_a_group_without_anybody_in_it():
    group = {"kind": MessageKind.GROUP, "groups": {"company": "c1"}, "group_traits": {"seats": 5}, "personless": True}
    world = world_of(
        said("u"), said("u", **group), said("$group:company:c1", minute=1, **group | {"group_traits": {"a": 1}})
    )

    assert world.groups[("company", "c1")].values == {"seats": 5, "a": 1}
    assert list(world.changed_groups) == [("company", "c1")]
    assert world.members() == {}
    assert [person.id for person in world.changed_persons()] == [person_id(ACME, "u")]
    assert not known_world().is_settled(said("u", **group))


def known_world() -> World:
    """Return a world in which u with its device a, v, and nobody have been met."""
    u, v, n = (Person(person_id(ACME, id), id, T0, id != "null", Traits(), 3) for id in ("u", "v", "null"))
    aliases = {"u": Alias(u.id, True), "a": Alias(u.id), "v": Alias(v.id, True), "null": Alias(n.id)}
    return World(ACME, aliases, [u, v, n])


@pytest.mark.parametrize(
    ("heard", "is_settled"),
    [
        (said("u"), True),
        (said("a"), True),
        (said("u", user=True), True),
        (identify("u", "a"), True),
        (identify("v", "a"), True),
        (identify("u", "null"), True),
        (said("null", user=True, traits_set={"x": 1}), True),
        (said("u", personless=True, traits_set={"x": 1}), True),
        (said("new", personless=True), False),
        (said("new"), False),
        (said("u", minute=-1), False),
        (said("null", minute=-1), False),
        (said("a", user=True), False),
        (identify("u", "new"), False),
        (alias("v", "u"), False),
        (alias("v", "u", trusted=False), False),
        (said("u", traits_set={"x": 1}), False),
        (said("u", traits_set_once={"x": 1}), False),
        (said("u", traits_unset=("x",)), False),
        (said("u", groups={"company": "c"}), False),
    ],
)
def test_what_tells_nothing_new_of_anybody(heard, is_settled):
    world = known_world()
    assert world.is_settled(heard) == is_settled
    if is_settled:
        verdict = world.hear(heard)
        assert (world.changed_persons(), world.changed_ids, world.merged()) == ([], set(), {})
        assert verdict == rules.Verdict(world.aliases[heard.message.distinct_id].person_id)


def test_what_is_to_be_written():
    world = world_of(
        said("b"), said("v", "b", "u", user=True, explicit=True), said("a", minute=-5), world=known_world()
    )

    v, u = person_id(ACME, "v"), person_id(ACME, "u")
    assert [each.id for each in world.changed_persons()] == [v]
    assert {gone: into for gone, (into, _) in world.merged().items()} == {u: v}, "who was never written is not merged"
    assert world.changed_ids == {"b"}
    assert world.newly_identified() == []
    assert [each.user_id for each in world_of(identify("w")).newly_identified()] == ["w"]
    assert rules.ids_of([said("b"), said("v", "b", "u")]) == ["b", "u", "v"]


USERS, DEVICES = ["u1", "u2", "u3"], ["a1", "a2", "a3", "a4", "a5"]
WORLDS = st.lists(st.sampled_from([None, *USERS]), min_size=5, max_size=5)


@given(WORLDS, st.randoms(use_true_random=False), st.booleans())
def test_any_order_of_the_same_links_ends_in_the_same_persons(owners, random, trusted):
    belongs = dict(zip(DEVICES, owners, strict=True))
    block = [said(device, minute=index) for index, device in enumerate(DEVICES)]
    block += [identify(user, device, trusted=trusted) for device, user in belongs.items() if user]
    block += [said(user, user=True) for user in USERS]
    expected = groups(world_of(*block))

    random.shuffle(block)
    world = world_of(*block, *block)

    assert groups(world) == expected
    assert expected == sorted(
        [
            *({user, *(device for device in DEVICES if belongs[device] == user)} for user in USERS),
            *({device} for device in DEVICES if belongs[device] is None),
        ],
        key=sorted,
    )


@given(st.lists(st.tuples(st.sampled_from(USERS + DEVICES), st.sampled_from(USERS + DEVICES)), max_size=12))
def test_hearing_it_again_changes_nothing(pairs):
    block = [alias(one, other) for one, other in pairs]
    world = world_of(*block)
    again = world_of(*block, world=World(ACME, world.aliases, world.persons.values()))

    assert groups(again) == groups(world)


def test_other_services_hear_no_addresses():
    traits = {
        "plan": "pro", "seats": 5, "revenue": 12345678.5, "beta": True, "since": "2026-11-22T08:00:00Z", "day": "2026-11-22",
        "email": "u@example.test", "work_email": "x", "Phone": "1", "手机": "x", "contact": "u@example.test", "call": "+49 30 1234567",
        "site": "https://example.test", "company": {"name": "c"}, "tags": ["a"], "none": None, "long": "x" * 201,
        "zip_code": "1", "ip": "x", "u@example.test": True, "version": "2.10.3", "城市": "上海",
    }  # fmt: skip

    assert set(rules.told_traits(traits)) == {"plan", "seats", "revenue", "beta", "since", "day", "version", "城市"}


@pytest.mark.parametrize(
    "id", ["", "NULL", " undefined ", "[object Object]", "0", "NaN", "00000000-0000-0000-0000-000000000000"]
)
def test_nobody_is_nobody_however_it_is_written(id):
    world = world_of(said("a"), identify("u", id), said(id, "a", user=True, explicit=True, traits_set={"x": 1}))

    assert groups(world) == sorted([{"a"}, {"u"}, {id}], key=sorted)
    assert not person(world, id).is_identified


@pytest.mark.parametrize("trait", ["邮箱", "Phone", "street_address", "fax", "postcode"])
def test_where_somebody_can_be_reached_is_told_to_nobody(trait):
    assert rules.told_traits({trait: "x", "plan": "pro"}) == {"plan": "pro"}


def test_a_merge_fills_up_to_the_bound_and_no_further():
    ours = {f"u{index}": 1 for index in range(rules.MAX_TRAITS - 2)}
    theirs = {f"a{index}": 2 for index in range(10)}
    world = world_of(said("a", traits_set=theirs), identify("u", traits_set=ours), identify("u", "a"))

    kept = person(world, "u").traits
    assert len(kept.values) == len(kept.stamps) == rules.MAX_TRAITS
    assert ours.items() <= kept.values.items()


def test_what_was_taken_back_stays_so_after_a_merge():
    world = world_of(
        said("a", minute=1, traits_set={"x": 1, "y": 2}),
        identify("u", minute=2, traits_unset=("x",)),
        identify("u", "a", minute=3),
        said("u", minute=1.5, traits_set={"x": 3}),
    )

    assert person(world, "u").traits.values == {"y": 2}


def test_a_chain_of_merges_in_one_block_leads_to_the_last():
    known = [Person(person_id(ACME, f"u{index}"), f"u{index}", T0, True, Traits(), 1) for index in range(5)]
    world = World(ACME, {each.user_id: Alias(each.id, True) for each in known}, known)

    world_of(*(alias(f"u{index + 1}", f"u{index}", minute=index) for index in range(4)), world=world)

    last = known[-1].id
    assert {gone: into for gone, (into, _) in world.merged().items()} == {each.id: last for each in known[:-1]}
    assert [heard.time for _, heard in (world.merged()[each.id] for each in known[:-1])] == [
        T0 + timedelta(minutes=index) for index in range(4)
    ]
    assert [each.id for each in world.changed_persons()] == [last]
