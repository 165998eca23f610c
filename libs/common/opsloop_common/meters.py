"""What a service counts of its own, in its registry: the same from a request, a handler or a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

MeterT = TypeVar("MeterT")


class Meters:
    """The meters of one running service; a meter is a class that takes the registry and holds collectors."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._made: dict[Callable[[CollectorRegistry], Any], Any] = {}

    def of(self, kind: Callable[[CollectorRegistry], MeterT]) -> MeterT:
        """Return the one meter of a kind, made when it is asked for first: a second collector of one name would raise."""
        made: MeterT | None = self._made.get(kind)
        if made is None:
            made = self._made[kind] = kind(self._registry)
        return made
