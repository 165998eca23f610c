"""The events of persons, in the event store."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from opsloop_metrics.store.port import EventStore, Parameter


class StoredPersons:
    """Takes events and profiles of persons out of the store, for good: the parts that held them are written anew."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def erase(self, workspace: str, person_ids: Collection[UUID]) -> None:
        """Take away all of some persons; doing it again is the same as once."""
        given: dict[str, Parameter] = {"workspace": workspace, "persons": list(person_ids)}
        wanted = "workspace = {workspace:String} AND person IN {persons:Array(UUID)}"
        await self._store.change(f"ALTER TABLE opsloop.event DELETE WHERE {wanted}", given, workspace=workspace)
        await self._store.change(
            f"ALTER TABLE opsloop.person_override DELETE WHERE {wanted}", given, workspace=workspace
        )
        await self._store.change(
            "ALTER TABLE opsloop.person DELETE WHERE workspace = {workspace:String} AND id IN {persons:Array(UUID)}",
            given,
            workspace=workspace,
        )
