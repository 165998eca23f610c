"""The committed contracts are what the code says, and serve the readers of what was released."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from opsloop.contracts import CONTRACTS, SAMPLES, breaks, differences, event_schemas
from opsloop.services import MEMBERS
from opsloop_common.bus.topics import topics_from
from opsloop_common.contracts.catalogue import BY_SERVICE, BY_TYPE
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.published import envelope_schema

SERVICES = [pytest.param(each, id=each.name) for each in MEMBERS]
ROOT = Path(__file__).parents[2]
SAMPLE_FILES = sorted((ROOT / SAMPLES).glob("*.json"))


def test_committed_contracts_are_what_the_code_says():
    assert differences(ROOT) == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_answers_with_its_committed_contract_and_makes_none_anew(api, service, monkeypatch):
    whole = await api(service)
    monkeypatch.setattr(whole.app, "openapi", None)

    answered = await whole.client.get("/openapi.json")

    assert answered.json() == json.loads((ROOT / "services" / service.name / "openapi.json").read_text())


@pytest.mark.parametrize("service", SERVICES)
def test_a_wheel_has_the_contract_in_its_package(service):
    package = service.migrations.partition(".")[0]
    built = tomllib.loads((ROOT / "services" / service.name / "pyproject.toml").read_text())["tool"]["hatch"]["build"]

    assert built["targets"]["wheel"]["force-include"] == {"openapi.json": f"{package}/openapi.json"}


def test_no_schema_is_called_after_its_module():
    """Two classes of one name rename both, in the contract and in generated clients: name states after what has them."""
    for path in ROOT.glob("services/*/openapi.json"):
        names = json.loads(path.read_text())["components"]["schemas"]
        assert [name for name in names if name.startswith("opsloop_")] == [], path


def test_todays_events_serve_the_readers_of_the_released_ones():
    assert breaks(ROOT) == []


def test_every_event_type_has_a_schema_and_a_sample():
    types = {(kind.type, kind.version) for kind in BY_TYPE.values()}

    assert {(path.parent.name, int(path.stem)) for path in event_schemas()} - {("envelope", 1)} == types
    assert {tuple(path.stem.rsplit("-", 1)) for path in SAMPLE_FILES} == {(t, str(v)) for t, v in types}


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.stem)
def test_a_sample_of_every_released_version_parses_today(path):
    type, _, version = path.stem.rpartition("-")
    event = Event.from_bytes(path.read_bytes())

    assert event.type == type
    assert event.dataschema == f"urn:opsloop:schema:{type}:{version}"
    data = event.parse(BY_TYPE[type])
    assert data.subject() == event.subject
    schema = json.loads((ROOT / CONTRACTS / "events" / type / f"{version}.json").read_text())
    jsonschema.validate(event.data, schema, cls=jsonschema.Draft202012Validator)
    jsonschema.validate(event.document(), envelope_schema(), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("service", sorted(BY_SERVICE))
def test_asyncapi_names_the_topic_and_every_message(service):
    document = json.loads((ROOT / CONTRACTS / "asyncapi" / f"{service}.json").read_text())

    channels = document["channels"]
    assert document["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in channels.values()} == set(topics_from([service]))
    for name, channel in channels.items():
        is_internal = name == f"{service}.internal"
        assert channel["address"] == f"opsloop.{name}"
        assert set(channel["messages"]) == {
            kind.type for kind in BY_SERVICE[service] if kind.is_internal is is_internal
        }
    messages = {name: reference for channel in channels.values() for name, reference in channel["messages"].items()}
    for name, reference in messages.items():
        assert reference == {"$ref": f"#/components/messages/{name}"}
        assert document["components"]["messages"][name]["name"] == name
