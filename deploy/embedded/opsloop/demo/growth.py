"""Four weeks of the small app as its own client tells them, and what an analyst asks about them.

The weeks are whole ones, the last four before this one, so that the numbers are the same on every day.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unicodedata import east_asian_width
from urllib.parse import quote

from segment.analytics.client import Client

from opsloop.demo.narrator import Narrator
from opsloop.demo.shop import Disappointed, Shop, send

WEEKS = 4
VISITORS_A_WEEK = 40
SOURCES = ("newsletter", "微信", "")
SIGN_UP, PAY, COME_BACK = (0.7, 0.5, 0.4), 0.4, 0.65
"""How likely a visitor of each source signs up; who did, pays; who did, is back in the next week, and so on from week to week."""
UNPROXIED: dict[str, str | None] = {"http": None, "https": None, "all": None}
"""As the demo's other clients: what the environment says of proxies is not meant for a loopback address."""


class Said(NamedTuple):
    """A call of Segment's client: which one, and what is given to it."""

    call: str
    given: dict[str, Any]


def first_monday(now: datetime) -> datetime:
    """Return when the four whole weeks before the one of `now` began, in UTC."""
    monday = now.astimezone(UTC) - timedelta(days=now.astimezone(UTC).weekday(), weeks=WEEKS)
    return monday.replace(hour=0, minute=0, second=0, microsecond=0)


def four_weeks(monday: datetime, rng: random.Random) -> Iterator[Said]:
    """Yield what the app says of its visitors, one after another, from `monday` on."""
    for number in range(WEEKS * VISITORS_A_WEEK):
        week, turn = divmod(number, VISITORS_A_WEEK)
        at = monday + timedelta(weeks=week, hours=1 + 4 * turn)
        source = number % len(SOURCES)
        visitor, user = {"anonymous_id": f"visitor-{number}"}, {"user_id": f"shopper-{number}"}
        address = "https://shop.example/" + (f"?utm_source={quote(SOURCES[source])}" if SOURCES[source] else "")
        yield Said("page", visitor | {"name": "Home", "properties": {"url": address}, "timestamp": at})
        if rng.random() >= SIGN_UP[source]:
            continue
        signed_up = at + timedelta(minutes=10)
        yield Said("identify", user | visitor | {"traits": {"plan": "free"}, "timestamp": signed_up})
        yield Said("track", user | {"event": "Signed Up", "timestamp": signed_up})
        paid = signed_up + timedelta(hours=1 + 99 * rng.random())
        if rng.random() < PAY and paid < monday + timedelta(weeks=WEEKS):  # nothing lies in the future
            yield Said("track", user | {"event": "Paid", "properties": {"amount": 1_999}, "timestamp": paid})
        for later in range(1, WEEKS - week):
            if rng.random() < COME_BACK:
                back = monday + timedelta(weeks=week + later, hours=1 + 120 * rng.random())
                yield Said("track", user | {"event": "Opened", "timestamp": back})


async def growth(shop: Shop, rng: random.Random, say: Narrator) -> None:
    """Let the app's client send its four weeks, then ask for a funnel and a retention table; raises Disappointed."""
    monday = first_monday(datetime.now(UTC))
    messages = list(four_weeks(monday, rng))
    key = (await send(shop.metrics, "POST", "/v1/api-keys", {"name": "app", "scopes": ["metrics:capture"]}))["key"]
    await asyncio.to_thread(_capture, str(shop.metrics.base_url).rstrip("/"), key, messages)
    say(f"The app's own events: {len(messages)} messages of four weeks, sent by Segment's client as it is.")
    funnel = await send(shop.metrics, "POST", "/v1/insights/funnel", paid_funnel(monday))
    say("Of the first three weeks' visitors, who signed up and who paid within 7 days, by where they came from:")
    for line in funnel_table(funnel):
        say.more(line)
    retention = await send(shop.metrics, "POST", "/v1/insights/retention", _retention(monday))
    say("Of those who signed up in a week, who opened the app in the weeks after:")
    for line in retention_table(retention):
        say.more(line)


def _capture(host: str, key: str, messages: list[Said]) -> None:
    refused: list[object] = []

    def note(error: object, batch: object) -> None:
        refused.append(error)

    client = Client(key, host=host, gzip=True, upload_interval=0.1, proxies=UNPROXIED, on_error=note)
    for message in messages:
        getattr(client, message.call)(**message.given)
    client.shutdown()
    if refused:
        raise Disappointed(f"Segment's client was refused: {refused[0]}")


def _range(monday: datetime, weeks: int) -> dict[str, Any]:
    last = monday + timedelta(weeks=weeks, days=-1)
    days = {"from": monday.date().isoformat(), "to": last.date().isoformat()}
    return days | {"time_zone": "UTC", "week_start": "monday"}


def paid_funnel(monday: datetime) -> dict[str, Any]:
    """Return what is asked of the first three weeks' visitors: who signed up, who paid, by where they came from."""
    # three weeks: the seven days of the last visitor are over as well
    steps = [{"event": "$pageview", "label": "Visited"}, {"event": "Signed Up"}, {"event": "Paid"}]
    return _range(monday, WEEKS - 1) | {"steps": steps, "window": "P7D", "breakdown": {"field": "utm_source"}}


def _retention(monday: datetime) -> dict[str, Any]:
    asked = {"start": {"event": "Signed Up"}, "return": {"event": "Opened"}, "mode": "first_time"}
    return _range(monday, WEEKS) | asked | {"interval": "week", "periods": WEEKS}


def funnel_table(funnel: dict[str, Any]) -> list[str]:
    """Return a funnel's lines: all, then each value; how many did each step, and of which part of the one before."""
    labels = [step["label"] for step in funnel["steps"]]
    lines = [padded("", 12) + "".join(f"{label:>15}" for label in labels) + "    median"]
    for name, steps in [("all", funnel["steps"]), *((part["value"], part["steps"]) for part in funnel["breakdown"])]:
        cells = [f"{step['count']} ({step['from_previous'] or 0:.1%})" for step in steps[1:]]
        hours = (steps[-1]["median_seconds"] or 0) / 3_600
        lines.append(
            padded(name, 12) + f"{steps[0]['count']:>15}" + "".join(f"{each:>15}" for each in cells) + f"{hours:8.1f} h"
        )
    return lines


def retention_table(retention: dict[str, Any]) -> list[str]:
    """Return a retention's lines: a week a line, its size, then the share of each week that is over."""
    lines = []
    for number, row in enumerate(retention["cohorts"], start=1):
        shares = [f"{cell['share'] or 0:7.1%}" for cell in row["values"] if cell["is_complete"]]
        lines.append(f"week {number} {row['size']:>4} " + "".join(shares))
    means = [f"{share:7.1%}" for share in retention["average"] if share is not None]
    return [*lines, "mean        " + "".join(means)]


def padded(text: str, width: int) -> str:
    """Return a text with blanks up to a width on the screen, where a Chinese character takes two."""
    taken = sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
    return text + " " * max(0, width - taken)
