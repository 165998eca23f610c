"""The random worlds are the same for the same seed, say the same in both forms, and hold what they are there for."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from functools import cache
from random import Random

import pytest

from tests.insights.by_hand import WORLDS
from tests.insights.questions import QUESTIONS, question
from tests.insights.reference import answer
from tests.insights.segment import batches, messages_of
from tests.insights.worlds import World, world

KINDS_OF_IDS = ("userId", "anonymousId", "previousId")


@cache
def many() -> list[World]:
    """Return worlds to look through."""
    return [world(seed) for seed in range(1, 121)]


def people_by_id(made: World) -> dict[str, set[str]]:
    """Return under which ids messages speak of whom."""
    person = {event["id"]: event["person"] or "" for event in made.events}
    found: dict[str, set[str]] = defaultdict(set)
    for one in made.messages:
        for kind in KINDS_OF_IDS:
            if one.get(kind):
                found[one[kind]].add(person[one["messageId"]])
    return found


def test_a_seed_makes_the_same_world_and_questions():
    one, other = world(7), world(7)

    assert one == other
    assert question("funnel", one, Random(1)) == question("funnel", other, Random(1))
    assert world(8).events != one.events


def test_messages_and_events_say_the_same():
    for made in many():
        events = {event["id"]: event for event in made.events}
        assert len(events) == len(made.events)
        assert {one["messageId"] for one in made.messages} == events.keys()
        for one in made.messages:
            event = events[one["messageId"]]
            assert datetime.fromisoformat(one["timestamp"]) == event["time"]
            assert (one["type"], one.get("properties", {})) == (event["kind"], event["properties"])
            assert one["userId"] or one["anonymousId"]


def test_each_id_is_one_persons_and_the_messages_join_all_ids_of_a_person():
    for made in many():
        assert all(len(people) == 1 for people in people_by_id(made).values())
        joined: dict[str, str] = {each: each for each in people_by_id(made)}
        for _ in range(3):  # as often as a chain of joins is long
            for one in made.messages:
                ids = [one[kind] for kind in KINDS_OF_IDS if one.get(kind)]
                least = min(joined[each] for each in ids)
                joined.update(dict.fromkeys(ids, least))
        persons = {least: people_by_id(made)[least] for least in joined.values()}
        assert len(persons) == len({event["person"] for event in made.events})


def test_traits_are_told_once_and_stand_at_all_events_of_a_person():
    for made in many():
        told = {one["messageId"] for one in made.messages if one.get("traits")}
        events = [event for event in made.events if event["id"] in told]

        assert max(Counter(event["person"] for event in events).values(), default=1) == 1
        assert len({(event["person"], json.dumps(event["traits"])) for event in made.events}) == len(
            {event["person"] for event in made.events}
        )


def test_worlds_hold_what_they_are_there_for():
    ties = sum(max(Counter((event["person"], event["time"]) for event in made.events).values()) > 1 for made in many())
    several = sum(any(one.get("previousId") for one in made.messages) for made in many())
    again = sum(len(made.messages) > len(made.events) for made in many())
    shuffled = sum([one["messageId"] for one in made.messages] != [e["id"] for e in made.events] for made in many())

    assert {made.zone for made in many()} >= {"Asia/Shanghai", "US/Pacific", "Europe/Berlin", "Asia/Kathmandu"}
    assert {made.week_start for made in many()} == {"monday", "sunday"}
    assert min(ties, several, again, shuffled) > len(many()) / 2
    assert min(len(made.events) for made in many()) >= 20
    assert max(len({event["person"] for event in made.events}) for made in many()) <= 40


@pytest.mark.parametrize("insight", QUESTIONS)
def test_questions_have_answers_that_say_something(insight):
    something = 0
    for made in many():
        asked = question(insight, made, Random(made.seed))
        found = answer(insight, made.events, asked, now=made.now)
        json.dumps(asked)
        something += any(letter in "123456789" for letter in json.dumps(_numbers(found)))

    assert something > len(many()) / 3


def _numbers(found: object) -> object:
    """Return an answer without its texts."""
    if isinstance(found, dict):
        return [
            _numbers(value) for name, value in found.items() if name not in ("intervals", "start", "bins", "periods")
        ]
    return (
        [_numbers(value) for value in found] if isinstance(found, list) else None if isinstance(found, str) else found
    )


def test_a_world_worked_by_hand_can_be_sent():
    for worked in WORLDS:
        sent = messages_of(worked.events)

        assert [one["messageId"] for one in sent] == [event["id"] for event in worked.events]
        assert {one["type"] for one in sent} <= {"track", "page", "screen", "identify"}


def test_batches_hold_every_message_once():
    made = world(3)
    bodies = list(batches(made.messages, size=7))

    assert [one for body in bodies for one in body["batch"]] == made.messages
    assert max(len(body["batch"]) for body in bodies) == 7
