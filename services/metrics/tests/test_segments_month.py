"""Segments of a random world equal a plain reading of what everybody did, at each step of a simulated month."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from opsloop_metrics.cohorts import rules as cohorts
from services.metrics.tests.analyst import did, is_known
from services.metrics.tests.segmenting import Marketer, event, prop

PEOPLE = [f"u{number:02}" for number in range(10)]
CITIES = ("上海", "Berlin", None)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class Truth:
    """Remembers what everybody did, and says in plain words who is in what."""

    def __init__(self) -> None:
        self.did: list[tuple[str, str, datetime, int]] = []
        self.city: dict[str, str] = {}
        self.seen: dict[str, datetime] = {}
        """When somebody was first heard of, by whatever kind of message."""

    def times(self, who, what, since, now):
        return [each for each in self.did if each[:2] == (who, what) and since < each[2] <= now]

    def everybody(self, now):
        return {who for who, _, at, _ in self.did if at <= now} | self.city.keys()

    def regulars(self, now):
        """Return who bought at least twice in 7 days."""
        week = now - timedelta(days=7)
        return {who for who in self.everybody(now) if len(self.times(who, "buy", week, now)) >= 2}

    def big(self, now):
        """Return who spent over 100 in 14 days, and is not from Berlin."""
        spent = {
            who: sum(each[3] for each in self.times(who, "buy", now - timedelta(14), now))
            for who in self.everybody(now)
        }
        return {who for who, amount in spent.items() if amount > 100 and self.city.get(who) != "Berlin"}

    def asleep(self, now):
        """Return who did nothing in 5 days."""
        since = now - timedelta(days=5)
        return {
            who for who in self.everybody(now) if not any(self.times(who, what, since, now) for what in ("buy", "open"))
        }

    def fresh(self, now):
        """Return who was active today and not yesterday, and first seen before today."""
        today = now.replace(hour=0)
        days = {who: {at.date() for each, _, at, _ in self.did if each == who and at <= now} for who in PEOPLE}
        yesterday = (today - timedelta(days=1)).date()
        return {
            who
            for who, some in days.items()
            if today.date() in some and yesterday not in some and self.seen[who].date() < today.date()
        }


@pytest.fixture
def marketer(world_with_store):
    return Marketer(world_with_store)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak)])
async def test_a_month_of_a_random_world(marketer, monkeypatch, seed):
    monkeypatch.setattr(cohorts, "BUCKET_PEOPLE", 5)
    random, truth = Random(seed), Truth()
    await marketer.zone("UTC")
    marketer.world.api.clock.set(BEGIN)
    regulars = await marketer.segment(event("buy", "ge", 2, "P7D"), name="regulars")
    not_berlin = {"type": "trait", "trait": "city", "op": "ne", "value": "Berlin"}
    big = await marketer.segment(prop("sum", "gt", 100, within="P14D"), not_berlin, name="big")
    asleep = await marketer.segment(event(None, "eq", 0, "P5D"), name="asleep")
    fresh = await marketer.segment({"type": "lifecycle", "stage": "resurrecting", "interval": "day"}, name="fresh")
    either = [{"type": "segment", "segment_id": each} for each in (regulars, big)]
    both = await marketer.segment(*either, match="any", rest={"exclude": {"segment_ids": [fresh]}}, name="both")

    for day in range(30):
        told = []
        for who in PEOPLE:
            if random.random() < 0.35:
                at, what = (
                    BEGIN + timedelta(days=day, hours=random.randrange(20)),
                    random.choice(["buy", "buy", "open"]),
                )
                amount = random.randrange(60)
                truth.did.append((who, what, at, amount))
                truth.seen.setdefault(who, at)
                told.append(did(who, what, at.strftime("%m-%dT%H:%M"), {"amount": amount}))
            if random.random() < 0.05:
                city = random.choice(["上海", "Berlin"])
                truth.city[who] = city
                at = BEGIN + timedelta(days=day, hours=20)
                truth.seen.setdefault(who, at)
                told.append(is_known(who, at.strftime("%m-%dT%H:%M"), city=city))
        now = BEGIN + timedelta(days=day, hours=21)
        marketer.world.api.clock.set(now)
        if told:
            await marketer.tell(*told)
        await marketer.refreshed()

        expected = {
            "regulars": truth.regulars(now),
            "big": truth.big(now),
            "asleep": truth.asleep(now),
            "fresh": truth.fresh(now),
        }
        expected["both"] = (expected["regulars"] | expected["big"]) - expected["fresh"]
        ids = {"regulars": regulars, "big": big, "asleep": asleep, "fresh": fresh, "both": both}
        found = {name: set(await marketer.members(segment, fresh=False)) for name, segment in ids.items()}
        assert found == expected, f"day {day}"

    # who is in it now is who came less who left, each told once
    balance: dict[str, Counter[str]] = {segment: Counter() for segment in ids.values()}
    for told_of in await marketer.world.told("segment.entered", "segment.left"):
        sign = 1 if told_of.type == "segment.entered" else -1
        for who in told_of.data["user_ids"]:
            balance[told_of.data["segment_id"]][who] += sign
            assert balance[told_of.data["segment_id"]][who] in (0, 1)
    for name, segment in ids.items():
        assert {who for who, count in balance[segment].items() if count} == found[name]
