"""What a room says about itself to the tests that walk every route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opsloop_common.testing.http import Api

Body = dict[str, Any]

SAID, MAIL, PATH = "My private words", "private.person@example.test", "http://127.0.0.1:9/private-path"
WORDS = ("my private words", "private.person", "private-path")
"""What stands in `World.worded`, and nowhere in the audit log."""


@dataclass(frozen=True)
class World:
    """One resource of every kind that some rooms of a service have, and bodies for their operations (`PATCH /v1/things/{id}`)."""

    service: str
    make: Callable[[Api], Awaitable[dict[str, str]]]
    """Makes them in workspace `acme`; returns what path parameters stand for."""
    own: Mapping[str, Body] = field(default_factory=dict)
    """What each key has for itself alone, by the PUT that makes it: whoever walks makes theirs, after all else is there."""
    bodies: Mapping[str, Body | None] = field(default_factory=dict)
    """A valid body for each operation that takes one and has a path parameter."""
    no_changes: Mapping[str, Body] = field(default_factory=dict)
    """For each PUT a body that changes nothing of the world; an empty PATCH does so by itself."""
    changes: Mapping[str, Body] = field(default_factory=dict)
    """For each PATCH and PUT a body that changes something of the world."""
    worded: Mapping[str, Body] = field(default_factory=dict)
    """Bodies with something to keep to oneself in each field that takes text which is no label, state or condition."""
    without_words: frozenset[str] = frozenset()
    """Operations that take a body without such text."""
    queries: Mapping[str, dict[str, str]] = field(default_factory=dict)
    """Query parameters of operations that require some."""


async def post(api: Api, path: str, body: object) -> dict[str, Any]:
    """Make something, with a key that may do everything."""
    answer = await api.client.post(path, json=body, headers=await api.key())
    assert answer.status_code == 201, (path, answer.text)
    created: dict[str, Any] = answer.json()
    return created
