"""Lines of `ordering: stream` whose senders are killed, also while one of them stands: the order holds, and nothing is lost."""

import json

import pytest
from aiohttp import web

from opsloop_notifications.app import SERVICE
from services.metrics.tests.processes import run_module
from services.notifications.tests.lines_process import EACH, STANDS_AT, STREAMS

pytestmark = pytest.mark.slow
MODULE = "services.notifications.tests.lines_process"


def by_stream(hook):
    """Return the places that came of each stream, as they came."""
    came = {f"campaign/{stream}": [] for stream in STREAMS}
    for _, body in hook.calls:
        said = json.loads(body)
        came[said["stream"]].append(said["place"])
    return came


def once(places):
    """Return places without those that came again right behind themselves: what was sent and not recorded is sent again."""
    return [place for number, place in enumerate(places) if number == 0 or place != places[number - 1]]


async def test_the_order_holds_and_nothing_is_lost_whenever_the_sender_dies(databases, hook):
    refused = set()

    async def answer(request):
        said = json.loads(await request.read())
        key = (said["stream"], said["place"])
        if (
            said["place"] == 3 and key not in refused
        ):  # the first time: it is tried again in 5 s, also by another process
            refused.add(key)
            return web.Response(status=500)
        return web.Response()

    hook.answer = answer
    first, *others = (f"campaign/{stream}" for stream in STREAMS)
    url = await databases.create(SERVICE)
    try:
        for step, sent in (("begin", 2), ("send", 5), ("send", 9)):
            code, printed = await run_module(
                MODULE, url, hook.url, step, failpoint=f"webhooks.after_send:{sent}", seconds=90
            )
            assert code == -9, f"it was to die after {sent} calls and ended with {code}: {printed}"
        code, stood = await run_module(MODULE, url, hook.url, "send", failpoint=None, seconds=90)
        assert code == 0, stood
        before = by_stream(hook)
        code, printed = await run_module(MODULE, url, hook.url, "mend", failpoint="webhooks.after_send:3", seconds=90)
        assert code == -9, printed
        code, ended = await run_module(MODULE, url, hook.url, "send", failpoint=None, seconds=90)
        assert code == 0, ended
    finally:
        await databases.drop(url)

    waiting = EACH - STANDS_AT
    ((stream, waits),) = json.loads(stood)["standing"]
    assert (stream.endswith(first), waits, json.loads(stood)["waiting"]) == (True, waiting, waiting)
    assert once(before[first]) == list(range(1, STANDS_AT))
    assert [once(before[stream]) for stream in others] == [list(range(1, EACH + 1))] * len(others)
    assert json.loads(ended) == {"standing": [], "waiting": 0}
    came = by_stream(hook)
    assert [once(places) for places in came.values()] == [list(range(1, EACH + 1))] * len(STREAMS)
    # of each death one call at most was not recorded for each line; and each third was refused once
    assert all(len(places) <= EACH + 1 + 4 for places in came.values())
