"""Mixpanel's API, as its clients call it: the host is `…/api/metrics`, the project's token is an API key."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.vendors import Dialect, VendorRouter, json_response, sent_of
from opsloop_metrics.capture.rules import Reading
from opsloop_metrics.doors import Read, keys, open_door, plain, take
from opsloop_metrics.mixpanel import rules

DIALECT = Dialect(
    keys=keys(rules.key_in, "token", "$token"), refusal=lambda _, words: rules.refusal(words), plain=plain
)
router = VendorRouter(tags=["capture: Mixpanel"])


def _door(path: str, read: Read, *, name: str, tells: Callable[[Request], bool]) -> None:
    """Open a door for what a reader understands; where `tells`, the answer says more than 1."""

    async def send(request: Request) -> Response:
        reading: Reading = await take(request, read)
        status, answer = rules.answer(reading, verbose=tells(request))
        return json_response(answer, status)

    send.__doc__ = "Take what Mixpanel's clients send here; answers when it is durable. Asked with `verbose`, it names what is refused."
    open_door(router, path, send, dialect=DIALECT, name=name, gets=True)


def _is_verbose(request: Request) -> bool:
    return sent_of(request).query.get("verbose") in ("1", "true")


_door("/track", lambda body, now: rules.read(body, now=now), name="send_mixpanel_events", tells=_is_verbose)
_door("/engage", lambda body, now: rules.read_profiles(body, now=now), name="send_mixpanel_people", tells=_is_verbose)
_door("/groups", lambda body, now: rules.read_groups(body, now=now), name="send_mixpanel_groups", tells=_is_verbose)
_door(
    "/import",
    lambda body, now: rules.read(body, now=now, historical=True),
    name="import_mixpanel_events",
    tells=lambda _: True,
)
