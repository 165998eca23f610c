"""Whose word of a person goes over whose: tables of cases, and that the order of arrival does not matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Conflict
from opsloop_notifications.recipients.learning import (
    OWNER,
    SERVER,
    USER,
    VISITOR,
    Teller,
    address_to_ask,
    heard,
    may_take_over,
    owned,
    teller_of,
)
from opsloop_notifications.recipients.rules import NOBODY, AddressState, put

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
UNCONFIRMED, CONFIRMED = AddressState.UNCONFIRMED, AddressState.CONFIRMED


def teller(source="feedback/p", by=SERVER, minutes=0):
    return Teller(source, by, NOW + timedelta(minutes=minutes))


TRAITS = teller("traits")
PARTNER = teller()
OTHER = teller("feedback/o", minutes=9)
SIGNED_IN = teller("feedback/users", USER)
PAGE = teller("feedback/site", VISITOR, 9)
ANSWERED = teller("feedback/site", OWNER)


def known(email="a", by=PARTNER, state=CONFIRMED, **more):
    """Return a person as a row has them; `by` None: somebody put the address."""
    learned = {} if by is None or email is None else {"email": by.document()}
    return {**NOBODY, "email": email, "state": state, "learned": learned, **more}


def beside(email, by):
    return {"claimed_email": email, "claim": by.document()}


@pytest.mark.parametrize(
    ("lower", "higher"), [(PAGE, SIGNED_IN), (SIGNED_IN, PARTNER), (OTHER, ANSWERED), (ANSWERED, TRAITS)]
)
def test_a_higher_word_goes_over_a_newer_lower_one(lower, higher):
    newer = Teller(lower.source, lower.by, NOW + timedelta(days=1))

    assert higher.goes_over(newer)
    assert not newer.goes_over(higher)


@pytest.mark.parametrize(
    ("mine", "minutes", "goes"),
    [(PARTNER, 0, True), (PARTNER, 1, False), (PARTNER, -1, True), (TRAITS, 1, False), (SIGNED_IN, 1, False)],
)
def test_of_one_rank_the_newer_counts(mine, minutes, goes):
    assert mine.goes_over(Teller(mine.source, mine.by, NOW + timedelta(minutes=minutes))) is goes


def test_partners_do_not_meet_and_pages_do():
    assert not OTHER.goes_over(PARTNER)
    assert PAGE.goes_over(teller("feedback/another-site", VISITOR))


def test_a_word_without_a_time_is_as_it_comes():
    """So releases tell that do not say when."""
    bare = Teller("traits", SERVER, None)

    assert bare.goes_over(TRAITS)
    assert TRAITS.goes_over(bare)
    assert teller_of(bare.document()) == bare
    assert teller_of(PAGE.document()) == PAGE


@pytest.mark.parametrize(
    ("present", "by", "changed"),
    [
        (NOBODY, PARTNER, {"email": "b", "state": CONFIRMED}),
        (NOBODY, PAGE, {"email": "b", "state": UNCONFIRMED}),
        (NOBODY, SIGNED_IN, {"email": "b", "state": UNCONFIRMED}),
        (known(), TRAITS, {"email": "b", "state": CONFIRMED}),
        (known(), OTHER, {}),
        (known(by=TRAITS), PARTNER, {}),
        (known(by=ANSWERED), PARTNER, {}),
        (known(by=ANSWERED), TRAITS, {"email": "b", "state": CONFIRMED}),
        (known(), PAGE, beside("b", PAGE)),
        (known(by=None), PAGE, beside("b", PAGE)),
        (known(by=None), TRAITS, {}),
        (known(by=None, state=UNCONFIRMED), PAGE, {"email": "b", "state": UNCONFIRMED}),
        (known(by=PAGE, state=UNCONFIRMED), PARTNER, {"email": "b", "state": CONFIRMED, **beside("a", PAGE)}),
        (known(by=PAGE, state=UNCONFIRMED), SIGNED_IN, {"email": "b", "state": UNCONFIRMED}),
        (known(by=SIGNED_IN, state=UNCONFIRMED), PAGE, {}),
        (known(state=AddressState.BOUNCED), OTHER, {"email": "b", "state": CONFIRMED}),
        (known(state=AddressState.COMPLAINED), PAGE, {"email": "b", "state": UNCONFIRMED}),
        (known(state=AddressState.BOUNCED), teller(minutes=-1), {}),
        (known(is_by_hand=True), TRAITS, {}),
        (known(None, is_by_hand=True), PAGE, beside("b", PAGE)),
        (known(**beside("c", SIGNED_IN)), PAGE, {}),
        (known(**beside("c", PAGE)), SIGNED_IN, beside("b", SIGNED_IN)),
        (known(**beside("b", PAGE)), TRAITS, {"email": "b", "state": CONFIRMED, "claimed_email": None, "claim": None}),
    ],
)
def test_what_becomes_of_another_address(present, by, changed):
    found = heard(present, {"email": "b"}, by)

    assert {
        name: value for name, value in found.items() if name in ("email", "state", "claimed_email", "claim")
    } == changed
    assert ("learned" in found) == ("email" in changed)


@pytest.mark.parametrize(
    ("present", "by", "state"),
    [
        (known(by=PAGE, state=UNCONFIRMED), PARTNER, CONFIRMED),
        (known(by=PAGE, state=UNCONFIRMED), SIGNED_IN, None),
        (known(state=AddressState.BOUNCED), TRAITS, None),
        (known(), PAGE, None),
        (known(by=None, state=UNCONFIRMED), TRAITS, None),
    ],
)
def test_the_same_address_is_confirmed_by_a_server_and_mended_by_nobody(present, by, state):
    assert heard(present, {"email": "a"}, by).get("state") == state


WORDS = st.fixed_dictionaries(
    {},
    optional={"email": st.sampled_from("abc"), "locale": st.sampled_from(["en", "zh"]), "name": st.sampled_from("xy")},
)
TELLERS = st.sampled_from(
    [("traits", SERVER), ("feedback/p", SERVER), ("feedback/users", USER), ("feedback/site", VISITOR)]
)


@given(
    st.lists(st.tuples(WORDS, TELLERS), max_size=6).flatmap(
        lambda said: st.tuples(st.just(said), st.permutations(range(len(said))))
    )
)
def test_where_mail_goes_does_not_depend_on_the_order_of_arrival(case):
    said, order = case
    words = [(word, Teller(*who, NOW + timedelta(minutes=at))) for at, (word, who) in enumerate(said)]

    def after(places):
        person = dict(NOBODY)
        for place in places:
            person |= heard(person, *words[place])
            assert person["claimed_email"] is None or person["claimed_email"] != person["email"]
            assert (person["claimed_email"] is None) == (person["claim"] is None)
            assert person | heard(person, *words[place]) == person, "again is the same"
        return {name: person[name] for name in ("email", "state", "locale", "name")}

    assert after(order) == after(range(len(words)))


@pytest.mark.parametrize(
    ("present", "asked"),
    [
        (known(by=PAGE, state=UNCONFIRMED), "a"),
        (known(state=UNCONFIRMED, **beside("c", SIGNED_IN)), "a"),
        (known(**beside("c", SIGNED_IN)), "c"),
        (known(None, **beside("c", PAGE)), "c"),
        (known(**beside("c", PAGE)), None),
        (known(), None),
        (NOBODY, None),
    ],
)
def test_whose_owner_is_asked(present, asked):
    if asked is None:
        with pytest.raises(Conflict):
            address_to_ask(present, None, NOW)
    else:
        assert address_to_ask(present, None, NOW) == asked
        with pytest.raises(Conflict):
            address_to_ask(present, NOW - timedelta(minutes=59), NOW)


@pytest.mark.parametrize(
    ("present", "email", "becomes"),
    [
        (known(by=PAGE, state=UNCONFIRMED), "a", CONFIRMED),
        (known(), "a", None),
        (known(state=AddressState.BOUNCED), "a", None),
        (known(**beside("c", SIGNED_IN)), "c", CONFIRMED),
        (known(None, **beside("c", PAGE)), "c", CONFIRMED),
    ],
)
def test_what_the_owners_yes_changes(present, email, becomes):
    found = owned(present, email, NOW)

    assert found.get("state") == becomes
    if becomes is not None:
        assert {**present, **found}["email"] == email
        assert (found["consent_source"], found["consent_at"]) == ("double opt-in", NOW)
        assert teller_of(found["learned"]["email"]).by == OWNER
        assert {**present, **found}["claim"] is None


@pytest.mark.parametrize("present", [known(), NOBODY, known(**beside("c", PAGE))])
def test_of_an_address_that_is_not_theirs_any_more_it_changes_nothing(present):
    assert owned(present, "c", NOW) is None
    assert not may_take_over(present)


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ({"email": "b"}, {"learned": {}}),
        ({"name": "n"}, {}),
        ({"email": "c"}, {"learned": {}, "claimed_email": None, "claim": None}),
        ({"email": None}, {"learned": {}}),
    ],
)
def test_what_is_put_is_not_learned_and_no_claim_any_more(said, changed):
    assert put(known(**beside("c", PAGE)), said) == changed
