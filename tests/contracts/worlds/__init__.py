"""One resource of every kind, in workspace `acme`: what path parameters stand for when every route is walked.

A room with routes says its part in a module here, or in its service's; all modules are found by themselves.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import WORDS, World

WORLDS: tuple[World, ...] = tuple(
    module.WORLD
    for found in pkgutil.iter_modules(__path__)
    if hasattr(module := import_module(f"{__name__}.{found.name}"), "WORLD")
)


def _all_of(what: str) -> dict[str, Any]:
    return {operation: body for world in WORLDS for operation, body in getattr(world, what).items()}


BODIES = _all_of("bodies")
NO_CHANGES = _all_of("no_changes")
CHANGES = _all_of("changes")
WORDED = _all_of("worded")
QUERIES = _all_of("queries")
WITHOUT_WORDS = frozenset().union(*(world.without_words for world in WORLDS))

__all__ = [
    "BODIES",
    "CHANGES",
    "NO_CHANGES",
    "QUERIES",
    "WITHOUT_WORDS",
    "WORDED",
    "WORDS",
    "WORLDS",
    "World",
    "fill",
    "fill_own",
]


async def fill(api: Api) -> dict[str, str]:
    """Make the world of a service; returns what its path parameters stand for."""
    ids: dict[str, str] = {}
    for world in WORLDS:
        if world.service in (api.runtime.service.name, "*"):
            ids |= await world.make(api)
    return ids


async def fill_own(api: Api, ids: dict[str, str], headers: dict[str, str]) -> dict[str, str]:
    """Make what a key has for itself alone in the world of its service; returns the key's headers."""
    for world in WORLDS:
        if world.service == api.runtime.service.name:
            for operation, body in world.own.items():
                method, path = operation.format_map(ids).split(" ")
                answer = await api.client.request(method, path, json=body, headers=headers)
                assert answer.status_code == 201, (operation, answer.text)
    return headers
