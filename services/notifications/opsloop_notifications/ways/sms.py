"""SMS by whatever provider has an HTTP API: its owner says what is sent where, and how the answer is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from opsloop_common.documents import read_document
from opsloop_common.foreign import readable
from opsloop_notifications.formats.rules import cut, one_line
from opsloop_notifications.ways.port import Entropy, Outcome, Post, Setup, Target, Told, Unsendable, Verdict
from opsloop_notifications.ways.statuses import by_status, words_of
from opsloop_notifications.wording.rules import Unfilled, fill

TEXT_CHARACTERS = 1_000
ID_CHARACTERS = 200
CONTENT_TYPES = {"json": "application/json; charset=utf-8", "form": "application/x-www-form-urlencoded"}
STEPS = 8


class Sms:
    """A provider's API as its owner described it. What people wrote is a value in its body, and never part of its syntax."""

    def compose(self, told: Told, setup: Setup, target: Target, *, now: datetime, entropy: Entropy) -> Post:
        """Return the call: each text of the body is a template that knows `to`, `text`, `id` and `sent_at`."""
        text = cut(" ".join(part for part in (told.title, told.body, told.url) if part), TEXT_CHARACTERS)
        data = {"to": target.address, "text": text, "id": str(told.id), "sent_at": int(now.timestamp())}
        try:
            filled = fill(setup.settings["body"], data)
        except Unfilled as error:
            raise Unsendable(str(error)) from error
        headers = dict(setup.headers)
        if setup.settings["method"] == "GET":
            between = "&" if "?" in setup.url else "?"
            return Post(f"{setup.url}{between}{urlencode(_flat(filled))}", b"", headers, "GET")
        content = setup.settings["content_type"]
        body = orjson.dumps(filled) if content == "json" else urlencode(_flat(filled)).encode()
        return Post(setup.url, body, headers | {"content-type": CONTENT_TYPES[content]})

    def judge(self, setup: Setup, status: int, headers: Mapping[str, str], body: str) -> Verdict:
        """Return what an answer means: by its status, and where the owner named a field, by what stands there."""
        settings = setup.settings
        if status not in settings["success_statuses"]:
            found = by_status(status, headers, body)
            return found if found.outcome is not Outcome.SENT else Verdict(Outcome.FAILED, f"{status} is no success")
        if settings["success_field"] is None and settings["id_field"] is None:
            return Verdict(Outcome.SENT)
        answer: Any = readable(read_document, body)
        said = _at(answer, settings["success_field"])
        if settings["success_field"] is not None and said not in settings["success_values"]:
            is_busy = said is not None and said in settings["busy_values"]
            return Verdict(Outcome.LATER if is_busy else Outcome.FAILED, words_of(body))
        id = _at(answer, settings["id_field"])
        return Verdict(Outcome.SENT, provider_id=None if id is None else cut(one_line(id), ID_CHARACTERS))


def _flat(filled: Any) -> dict[str, str]:
    if not isinstance(filled, dict):
        raise Unsendable("The body has no fields.")
    return {name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in filled.items()}


def _at(answer: Any, path: str | None) -> str | None:
    """Return what stands at a path of names and numbers between dots, as text; None where there is nothing plain."""
    if path is None:
        return None
    for step in path.split(".")[:STEPS]:
        if isinstance(answer, list) and step.isascii() and step.isdigit() and len(step) < 4:
            answer = answer[int(step)] if int(step) < len(answer) else None
        else:
            answer = answer.get(step) if isinstance(answer, dict) else None
    if isinstance(answer, bool):
        return str(answer).lower()
    return str(answer) if isinstance(answer, str | int | float) else None
