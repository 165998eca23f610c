"""What the demo says of who, what matters and why, against answers as the services give them."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import httpx
import orjson
import pytest

from opsloop.demo.aims import AT_LEAST, DAYS, PASSED, TARGET, aims, explained
from opsloop.demo.growth import first_monday, four_weeks
from opsloop.demo.narrator import Narrator
from opsloop.demo.shop import SERVICES, Disappointed, Shop, until
from opsloop.demo.story import SEED

BREACH = {"value": 0.183, "severity": "warning", "incident_id": "incident-1"}
WORDS = {"en": "140, expected 655 ± 60 for a Tuesday", "zh": "140，周二预期 655 ± 60"}
UNUSUAL = {"value": 140, "severity": "warning", "incident_id": "incident-2", "words": WORDS}
RISK = {"state": "at_risk", "progress": 0.556, "pace": 0.805}


class House:
    """Stands in for an OpsLoop: keeps what it is sent and answers each question the second time it is asked."""

    def __init__(self) -> None:
        self.sent: dict[str, dict[str, object]] = {}
        self.asked: set[bytes] = set()

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.partition("/v1")[2]
        if request.method == "POST":
            self.sent.setdefault(path, orjson.loads(request.content))
            return httpx.Response(201, json={"id": f"one-of{path.replace('/', '-')}"})
        is_known = request.url.raw_path in self.asked
        self.asked.add(request.url.raw_path)
        if path.startswith("/segments/"):
            return httpx.Response(200, json={"size": 50, "refreshed_at": "2026-11-22T08:00:00Z" if is_known else None})
        kpi = request.url.params.get("kpi")
        item = (
            {"paid_conversion": BREACH, "calls_answered": UNUSUAL}[kpi]
            if kpi
            else {"type": "goal.at_risk", "data": RISK}
        )
        return httpx.Response(200, json={"items": [item] if is_known else []})


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def shop(house) -> Shop:
    transport = httpx.MockTransport(house.answer)
    return Shop(
        {name: httpx.AsyncClient(base_url=f"http://house.test/api/{name}", transport=transport) for name in SERVICES},
        "demo-1",
    )


async def test_it_tells_who_what_matters_and_why(shop, house, capsys):
    await aims(shop, Narrator())

    told = [line[10:].strip() for line in capsys.readouterr().out.splitlines()]
    assert told == [
        "Who: the segment “Signed up, never paid” has 50 people, kept up to date every 5 minutes and told by "
        "segment.entered and segment.left.",
        "What matters: the KPI paid_conversion on that funnel, target 25%, alarm below 20%.",
        "Measured: 18.3% < 20%, warning, incident incident-1",
        "its picture: http://house.test/api/metrics/v1/kpis/paid_conversion.svg",
        "Unusual: calls answered a day, as reported for 10 weeks, incident incident-2",
        WORDS["en"],
        WORDS["zh"],
        "Why: the objective “A quarter of the visitors pay” is at risk, told by goal.at_risk:",
        "56% of the way from 10% to 25%, and 80% of the time is over",
        "its picture: http://house.test/api/metrics/v1/objectives/one-of-objectives.svg",
    ]
    assert house.sent["/kpis"]["measure"] == {"type": "insight", "insight_id": "one-of-insights"}


async def test_the_objective_is_behind_its_time_whatever_day_it_is(shop, house):
    await aims(shop, Narrator())

    objective = house.sent["/objectives"]
    first, last = (date.fromisoformat(objective[name]) for name in ("from", "to"))
    assert ((last - first).days + 1, (datetime.now(UTC).date() - first).days) in ((DAYS, PASSED), (DAYS, PASSED + 1))
    result = house.sent["/objectives/one-of-objectives/key-results"]
    reached = (22 / 120 - result["start"]) / (result["target"] - result["start"])
    for passed in (PASSED, PASSED + 1):  # at the day's first and last instant
        assert 0.15 < passed / DAYS - reached < 0.3


def test_the_weeks_come_to_a_breach_and_to_the_segments_size():
    messages = list(four_weeks(first_monday(datetime.now(UTC)), random.Random(SEED)))
    signed_up, paid = (
        {each.given["user_id"] for each in messages if each.given.get("event") == event}
        for event in ("Signed Up", "Paid")
    )

    assert len(signed_up - paid) == 50
    assert 22 / 120 < AT_LEAST < TARGET


def test_what_nothing_explains_is_not_explained():
    assert explained(BREACH) == []


async def test_what_does_not_come_is_said():
    async def never() -> None:
        return None

    with pytest.raises(Disappointed, match="the size: not within 0 s"):
        await until(never, "the size", seconds=0.01)
