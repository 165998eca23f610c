"""The envelope: what goes in comes out, also what only a newer producer knows."""

import json
import time

from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.db import Context

DOCUMENT = {
    "specversion": "1.0",
    "id": "01a203fd-9058-7607-b510-a14397ec41c2",
    "source": "/opsloop/feedback",
    "type": "feedback.received",
    "subject": "feedback/1",
    "time": "2026-11-22T08:00:00Z",
    "datacontenttype": "application/json",
    "dataschema": "urn:opsloop:schema:feedback.received:1",
    "workspace": "acme",
    "actor": "key:1",
    "partitionkey": "feedback/1",
    "sequence": 7,
    "correlationid": "c",
    "causationid": "d",
    "causationdepth": 1,
    "causationroot": "01a203fd-9058-7607-b510-a14397ec41c1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "data": {"body": "支付失败"},
}


def test_a_document_survives_the_way_through():
    assert json.loads(Event.from_bytes(json.dumps(DOCUMENT)).to_bytes()) == DOCUMENT


def test_extension_attributes_of_a_newer_producer_are_handed_on():
    newer = DOCUMENT | {"dataregion": "eu", "data": {"body": "a", "added_later": True}}

    assert json.loads(Event.from_bytes(json.dumps(newer)).to_bytes()) == newer


def test_the_first_event_of_a_chain_travels_with_it():
    first = Event.from_bytes(json.dumps({name: value for name, value in DOCUMENT.items() if "causation" not in name}))
    second = Context.caused_by(first)
    later = Context.caused_by(Event.from_bytes(json.dumps(DOCUMENT)))

    assert "causationroot" not in first.document()
    assert second.causationroot == first.root == str(first.id)
    assert later.causationroot == later.cause()["causationroot"] == DOCUMENT["causationroot"]


def test_a_path_has_the_fields_that_its_route_names_and_writes_no_others():
    class Wide(EventData):
        type = "note.widened"
        aggregate = "note"
        route = "/v1/notes/{note_id}/{name}"

        note_id: str
        name: str
        values: dict[str, str]

    said = Wide(note_id="a/1", name="支付 x", values={str(number): "x" * 1_000 for number in range(1_000)})
    began = time.thread_time()
    paths = {said.path() for _ in range(100)}

    assert paths == {"/v1/notes/a%2F1/%E6%94%AF%E4%BB%98%20x"}
    assert time.thread_time() - began < 0.1  # seconds when all values were written
