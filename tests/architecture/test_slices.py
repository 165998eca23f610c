"""What a service does is what its slices declare, and every room that has something to declare does."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from opsloop.services import MEMBERS
from opsloop_common import plumbing
from opsloop_common.resealing import IN_EVERY_SERVICE
from opsloop_common.service import Service
from opsloop_common.testing.sample.service import SAMPLE

SERVICES = pytest.mark.parametrize("service", [*MEMBERS, SAMPLE], ids=lambda s: s.name)
DECLARED_BY_A_SLICE = {"routes.py", "consumers.py", "timers.py", "models.py", "meters.py"}


def package_of(service: Service) -> ModuleType:
    return import_module(service.migrations.removesuffix(".migrations"))


@SERVICES
def test_every_table_is_declared_by_exactly_one_slice(service: Service):
    package = package_of(service)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__") and ".migrations" not in module.name:
            import_module(module.name)

    declared = [model.__tablename__ for slice in service.slices for model in slice.models]

    assert sorted(declared) == sorted(service.metadata.tables)


@SERVICES
def test_a_room_that_has_something_to_declare_declares_it(service: Service):
    folder = Path(package_of(service).__file__).parent
    rooms = {file.parent.name for file in folder.glob("*/*.py") if file.name in DECLARED_BY_A_SLICE}
    listed = {id(slice) for slice in service.slices}

    for room in rooms:
        declared = import_module(f"{package_of(service).__name__}.{room}.slice").SLICE
        assert declared.name == room
        assert id(declared) in listed, f"{room} is not listed in app.py"


@SERVICES
def test_every_sealed_column_is_declared_for_a_change_of_the_key(service: Service):
    tables = (*service.metadata.tables.values(), *plumbing.metadata.tables.values())
    named = {(t.name, c.name) for t in tables for c in t.columns if re.search(r"secret(?!_hash)|sealed", c.name)}

    assert {(each.table, each.column) for each in (*service.sealed, *IN_EVERY_SERVICE)} == named
