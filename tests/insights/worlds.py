"""Small random worlds, the same for the same seed: what the reference is asked about, and the messages that bring it to the product.

They are made to hurt: people with several ids that are joined at any time and in any order, events at one instant, at the edges of
days, sessions and windows, over changes of the clock; values of mixed kinds; messages shuffled and some sent twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.insights.reference.events import Event
from tests.insights.segment import Json, message

# a zone with a day near which its clock changes, or any day; all in the past, so that no answer depends on when it is asked
PLACES = (
    ("UTC", date(2025, 2, 20)),
    ("Asia/Shanghai", date(2025, 1, 27)),
    ("Asia/Kathmandu", date(2025, 5, 30)),
    ("US/Pacific", date(2025, 3, 9)),
    ("US/Pacific", date(2025, 11, 2)),
    ("Europe/Berlin", date(2025, 3, 30)),
    ("Europe/Berlin", date(2025, 10, 26)),
)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("view", "signup", "activate", "支付", "refund")
PATHS = ("/", "/pricing", "/pricing/", "/signup", "/帮助", "/docs/a")
SOURCES = ("ad", "mail", "微信", "Ad", "", None, 5, 5.0, 2.5, True, "5")
AMOUNTS = (0, 1, 5, 10, 12.5, 99, -3, "12", "many", None, True)
PLANS = ("free", "pro", "企业")
STEPS_OF_TIME = (0, 0, 0, 0.001, 1, 60, 299, 300, 301, 1799, 1800, 1800.001, 3600, 86_400, 7 * 86_400)


@dataclass
class Person:
    """Who is behind some ids. `user_ids`: the first is today's, the others former ones; none: never identified."""

    key: str
    user_ids: list[str]
    anonymous_ids: list[str]
    traits: dict[str, Any] = field(default_factory=dict)


@dataclass
class World:
    """Events as they are (for the reference) and as they are sent, in the order in which they arrive (for the product)."""

    seed: int
    zone: str
    week_start: str
    first_day: date
    days: int
    events: list[Event]
    messages: list[Json]
    now: datetime = NOW


def world(seed: int) -> World:
    """Make the world of a seed."""
    random = Random(seed)
    zone, change = random.choice(PLACES)
    days = random.choice((1, 2, 3, 7, 10, 20, 35, 70))
    first_day = change - timedelta(days=random.randrange(days))
    people = [_person(random, number) for number in range(random.randint(5, 40))]
    made = _Made(random, seed)
    begin = datetime(first_day.year, first_day.month, first_day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    for person in people:
        _join(made, person, begin, days)
    times: dict[str, datetime] = {}
    # a few people do most, so that there is something to follow
    busy = random.sample(people, k=max(2, len(people) // 4))
    for _ in range(random.randint(20, 300)):
        person = random.choice(random.choice((people, busy)))
        times[person.key] = _time(random, times.get(person.key), begin, days)
        _do(made, person, times[person.key])
    messages = made.messages + [one for one in made.messages if random.random() < 0.05]  # some are sent again
    random.shuffle(messages)
    week_start = random.choice(("monday", "sunday"))
    return World(seed, zone, week_start, first_day, days, made.events, messages)


def _person(random: Random, number: int) -> Person:
    user_ids = [random.choice((f"user-{number}", f"用户{number}"))]
    if random.random() < 0.25:
        user_ids.append(f"former-{number}@shop.example")
    anonymous_ids = [f"anonymous-{number}-{each}" for each in range(random.choice((0, 0, 1, 2)))]
    if anonymous_ids and random.random() < 0.3:
        return Person(f"p{number}", [], anonymous_ids[:1])
    traits = {"plan": random.choice(PLANS), "seats": random.choice((1, 5, 50))} if random.random() < 0.7 else {}
    return Person(f"p{number}", user_ids, anonymous_ids, traits)


class _Made:
    """Events and their messages, each pair with an id of its own."""

    def __init__(self, random: Random, seed: int) -> None:
        self.random = random
        self.seed = seed
        self.events: list[Event] = []
        self.messages: list[Json] = []

    def add(self, person: Person, kind: str, name: str, time: datetime, *, ids: dict[str, Any], **more: Any) -> None:
        """Add what a person did; `ids` and `more` are what the message says of them."""
        number = self.random.randrange(10**6)  # ids tell nothing of the order in which events were made
        event: Event = {
            "id": f"w{self.seed}-{number:06}-{len(self.events)}",
            "event": name,
            "time": time,
            "person": person.key,
            "properties": more.pop("properties", {}),
            "kind": kind,
            "traits": person.traits,
        }
        if kind == "page":
            event["columns"] = {"path": str(event["properties"]["path"]).rstrip("/") or "/"}
        self.events.append(event)
        self.messages.append(message(event, **ids, **more))


def _join(made: _Made, person: Person, begin: datetime, days: int) -> None:
    """Say which ids are one person's, each once, at any time; the traits are said once."""
    if not person.user_ids:
        return

    def any_time() -> datetime:
        return _time(made.random, None, begin, days)

    today, *former = person.user_ids
    for each in former:
        made.add(person, "alias", "$alias", any_time(), ids={"user_id": today}, previousId=each)
    for each in person.anonymous_ids:
        ids = {"user_id": made.random.choice(person.user_ids), "anonymous_id": each}
        match made.random.choice(("identify", "alias", "track")):
            case "identify":
                made.add(person, "identify", "$identify", any_time(), ids=ids, traits={})
            case "alias":
                made.add(person, "alias", "$alias", any_time(), ids={"user_id": today}, previousId=each)
            case "track":
                made.add(person, "track", "view", any_time(), ids=ids, properties=_properties(made.random))
    if person.traits:
        made.add(person, "identify", "$identify", any_time(), ids={"user_id": today}, traits=person.traits)


def _do(made: _Made, person: Person, time: datetime) -> None:
    """Let a person do something under any of their ids."""
    random = made.random
    speaker = random.choice([*person.user_ids, *person.anonymous_ids])
    ids = {"user_id": speaker} if speaker in person.user_ids else {"user_id": None, "anonymous_id": speaker}
    match random.choice(("track", "track", "track", "page", "page", "screen")):
        case "track":
            made.add(person, "track", random.choice(NAMES), time, ids=ids, properties=_properties(random))
        case "page":
            path = random.choice(PATHS)
            properties = _properties(random) | {"path": path, "url": f"https://shop.example{path}?q=1", "title": "页面"}
            made.add(person, "page", "$pageview", time, ids=ids, properties=properties)
        case "screen":
            made.add(person, "screen", "$screen", time, ids=ids, properties=_properties(random) | {"title": "Home"})


def _properties(random: Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if random.random() < 0.8:
        found["source"] = random.choice(SOURCES)
    if random.random() < 0.8:
        found["amount"] = random.choice(AMOUNTS)
    if random.random() < 0.2:
        found["tags"] = random.sample(("red", "蓝", 1), k=2)
    return found


def _time(random: Random, previous: datetime | None, begin: datetime, days: int) -> datetime:
    """Return a time in or a little around the days of a world; often near the person's previous one, or at a midnight."""
    if previous and random.random() < 0.6:
        return previous + timedelta(seconds=random.choice(STEPS_OF_TIME))
    if random.random() < 0.1:
        midnight = begin + timedelta(days=random.randrange(days))
        return midnight + timedelta(milliseconds=random.choice((-1, 0, 1, 3_600_000, 7_200_000)))
    # a coarse grid, so that different people and events meet
    return begin + timedelta(minutes=random.randrange(-1440, (days + 1) * 1440, random.choice((1, 15, 60))))
