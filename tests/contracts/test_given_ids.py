"""Ids that others give have one form in the contracts of all services, wherever they are accepted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from opsloop_common.http.schemas import GivenId
from tests.harness import SERVICES

SERVICES_DIR = Path(__file__).parents[2] / "services"
GIVEN = {"user_id", "user_ids", "external_id", "assignee"}
FORM = TypeAdapter(GivenId).json_schema()


def accepted(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and schema of each parameter, and of each field of a body."""
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                yield parameter["name"], parameter["schema"]
    for name, shape in document["components"]["schemas"].items():
        if not name.endswith("Out"):
            yield from shape.get("properties", {}).items()


def forms(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a text may be, in lists and beside null too."""
    if schema.get("type") == "string":
        yield {key: schema[key] for key in FORM if key in schema}
    for inner in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]:
        yield from forms(inner)


@pytest.mark.parametrize("service", SERVICES)
def test_one_form(service):
    document = json.loads((SERVICES_DIR / service / "openapi.json").read_text())
    found = {name: list(forms(schema)) for name, schema in accepted(document) if name in GIVEN}

    assert all(each == [FORM] for each in found.values()), found
    assert found or service == "metrics"
