"""A process that is killed in the middle of its calls: each is made, none is lost, and only those in flight are made twice."""

import json
from collections import Counter

import pytest
from aiohttp import web

from opsloop_common.testing.hooks import hooked
from opsloop_notifications.app import SERVICE
from opsloop_notifications.calling.caller import CLAIMED_PER_CHANNEL
from services.metrics.tests.processes import run_module

pytestmark = pytest.mark.slow
PEOPLE = 40
MODULE = "services.notifications.tests.calling_process"


async def test_each_is_called_and_only_what_was_in_flight_twice(databases):
    called = Counter()

    async def slack(request):
        blocks = (await request.json())["blocks"]
        called[blocks[1]["text"]["text"]] += 1
        return web.Response(text="ok")

    url = await databases.create(SERVICE)
    try:
        async with hooked() as hook:
            hook.answer = slack
            for place in ("calls.after_send:5", "calls.after_send:9"):
                code, printed = await run_module(MODULE, url, hook.url, str(PEOPLE), failpoint=place, seconds=120)
                assert code == -9, f"it was to die at {place} and ended with {code}: {printed}"
            code, printed = await run_module(MODULE, url, hook.url, str(PEOPLE), failpoint=None, seconds=120)
            assert code == 0, printed
    finally:
        await databases.drop(url)

    assert json.loads(printed.splitlines()[-1]) == {"sent": [PEOPLE, PEOPLE]}
    assert set(called) == {f"<@p{number}>" for number in range(PEOPLE)}
    # two deaths, each with no more in flight than a process may hold of one channel
    assert max(called.values()) <= 3
    assert sum(called.values()) <= PEOPLE + 2 * CLAIMED_PER_CHANNEL
