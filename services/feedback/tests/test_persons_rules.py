"""By what people are known, and who may be joined with whom."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop_common.errors import Conflict, TooMany
from opsloop_feedback.persons import rules

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ONE, TWO, THREE, FOUR, FIVE = (UUID(int=at) for at in range(1, 6))


@dataclass(frozen=True)
class Post:
    author_user_id: str | None = None
    author_email: str | None = None
    author_name: str | None = None
    author_verified: bool = True
    source: str = "shop"
    channel: str = "form"
    created_at: datetime = NOW
    number: int = 1


@dataclass(frozen=True)
class Member:
    id: UUID
    joined_id: UUID | None = None
    merged_into_id: UUID | None = None


@pytest.mark.parametrize(
    ("user_id", "email", "known_by", "told"),
    [
        ("u1", "", "id:u1", ("u1", None)),
        ("u1", "a@example.test", "id:u1", ("u1", None)),
        (None, "a@example.test", "mail:a@example.test", (None, "a@example.test")),
        ("mail:a@example.test", "", "id:mail:a@example.test", ("mail:a@example.test", None)),
        ("id:x", "", "id:id:x", ("id:x", None)),
        (None, "id:x@example.test", "mail:id:x@example.test", (None, "id:x@example.test")),
        (None, "", None, (None, None)),
    ],
)
def test_an_id_is_never_taken_for_an_address(user_id, email, known_by, told):
    assert rules.called_by(user_id, email) == known_by
    assert (rules.user_id_of(known_by), rules.email_of(known_by)) == told


def test_the_first_post_of_each_way_counts_whatever_comes_first():
    late = Post("u1", "A@example.test", created_at=NOW + timedelta(hours=1))
    first = Post("u1", "a@example.test", number=2)
    same_moment = Post("u1", "a@EXAMPLE.test", number=3)

    found = rules.appearances([late, same_moment, first])

    assert list(found.values()) == [first]
    [way] = found
    assert way == rules.Appearance("id:u1", True, "shop", "form", "a@example.test")


@pytest.mark.parametrize(
    "other",
    [
        {"author_verified": False},
        {"source": "app"},
        {"channel": "email"},
        {"author_email": "b@example.test"},
        {"author_user_id": "u2"},
        {"author_user_id": None},
    ],
)
def test_each_source_channel_address_and_whose_word_it_is_are_ways_of_their_own(other):
    given = {"author_user_id": "u1", "author_email": "a@example.test"}
    assert len(rules.appearances([Post(**given), Post(**given | other)])) == 2


def test_a_claim_is_another_person_and_who_says_nothing_is_nobody():
    found = rules.appearances([Post("u1"), Post("u1", author_verified=False), Post(), Post(author_name="n")])
    assert sorted(way.person for way in found) == [("id:u1", False), ("id:u1", True)]


@pytest.mark.parametrize(
    ("source", "target", "into"),
    [
        (Member(ONE), Member(TWO), None),
        (Member(ONE, THREE, THREE), Member(TWO), THREE),
        (Member(ONE), Member(TWO, FOUR, FOUR), FOUR),
        (Member(ONE, THREE, THREE), Member(TWO, FOUR, FOUR), THREE),
    ],
)
def test_both_must_stand_for_themselves(source, target, into):
    if into is None:
        rules.require_apart(source, target)
        return
    with pytest.raises(Conflict) as refused:
        rules.require_apart(source, target)
    assert refused.value.extra == {"merged_into": str(into)}


def test_one_stands_for_a_hundred():
    rules.require_room(100)
    with pytest.raises(TooMany):
        rules.require_room(101)


@pytest.mark.parametrize(
    ("person", "expected"),
    [(ONE, {TWO, THREE, FOUR}), (TWO, {THREE}), (THREE, set()), (FOUR, set()), (FIVE, set())],
)
def test_who_was_joined_to_somebody_goes_with_them(person, expected):
    members = [Member(TWO, ONE, ONE), Member(THREE, TWO, ONE), Member(FOUR, ONE, ONE)]
    assert rules.below(person, members) == expected


def test_even_a_circle_ends():
    assert rules.below(ONE, [Member(ONE, TWO), Member(TWO, ONE)]) == {ONE, TWO}
