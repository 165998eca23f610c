"""The import-linter contract of a service's rooms: which file of a slice may know which, and how slices enter each other."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

DOORS = ("routes", "consumers", "jobs")
HEIGHT = {"slice": 5} | dict.fromkeys(DOORS, 4) | {"service": 3, "queries": 2, "models": 1, "schemas": 1, "rules": 0}
"""Who stands higher may know who stands lower. `slice` declares the room, so it knows the doors, and only `app` knows it."""
ENTRANCES = ("service", "rules")
NOT_BELOW = {("service", "schemas"), ("queries", "schemas")}
"""What the heights would allow and we do not: use cases and queries know nothing of HTTP shapes."""


def violation(importer: str, imported: str) -> str | None:
    """Say what is wrong with one module importing another, or None. Only modules inside slices of one service count."""
    here, there = importer.split("."), imported.split(".")
    if len(here) < 3 or len(there) < 3 or here[0] != there[0] or "migrations" in (here[1], there[1]):
        return None
    role, wanted = here[2], there[2]
    if here[1] != there[1]:
        return None if wanted in ENTRANCES else f"another slice is entered through its {' or '.join(ENTRANCES)}"
    if role == wanted or role not in HEIGHT or wanted not in HEIGHT:
        return None
    if HEIGHT[wanted] >= HEIGHT[role]:
        return f"{role} must not know {wanted}"
    if (role, wanted) in NOT_BELOW:
        return f"{role} must not know HTTP shapes"
    return None


class RoomsContract(Contract):
    """Checks every import inside the given services against `violation`."""

    type_name = "rooms"

    services = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at each direct import once."""
        services: list[str] = self.services  # type: ignore[assignment]
        found = [
            f"{importer} -> {imported}: {reason}"
            for service in services
            for importer in sorted(graph.find_descendants(service))
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if (reason := violation(importer, imported))
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per violation."""
        for line in check.metadata["found"]:
            output.print_error(line, bold=False)
