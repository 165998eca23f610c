"""Every operation that takes a body has a valid one that attacks can start from."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from tests.attacks.bombs import bombs
from tests.attacks.examples import examples
from tests.harness import SERVICES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("service", SERVICES)
def test_bombs_are_made_for_every_operation(service):
    document = json.loads((ROOT / "services" / service / "openapi.json").read_text())

    visited = {bomb.operation for bomb in bombs(document, defaultdict(lambda: "1"), examples(service))}

    assert visited == {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
