"""The CloudEvents SDK reads what we emit, and we read what it emits."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from opsloop_common.contracts.catalogue import BY_TYPE
from opsloop_common.contracts.envelope import CONTENT_TYPE, Event
from opsloop_common.contracts.samples import sample

EXTENSIONS = (
    "workspace",
    "actor",
    "partitionkey",
    "sequence",
    "correlationid",
    "causationid",
    "causationdepth",
    "traceparent",
)


@pytest.mark.parametrize("type", sorted(BY_TYPE))
def test_the_sdk_reads_what_we_emit(type):
    event = sample(BY_TYPE[type])

    read = JSONFormat().read(None, event.to_bytes())

    assert UUID(read.get_id()) == event.id
    assert read.get_type() == type
    assert read.get_source() == event.source
    assert read.get_subject() == event.subject
    assert read.get_time() == event.time
    assert read.get_dataschema() == event.dataschema
    assert read.get_data() == event.data
    assert {name: read.get_extension(name) for name in EXTENSIONS} == {
        name: getattr(event, name) for name in EXTENSIONS
    }


def test_the_sdk_reads_our_kafka_record():
    event = sample(BY_TYPE["kpi.breached"])
    record = KafkaMessage(
        headers={"content-type": CONTENT_TYPE.encode()}, key=event.partitionkey.encode(), value=event.to_bytes()
    )

    read = from_kafka_event(record)

    assert read.get_id() == str(event.id)
    assert read.get_data() == event.data


def test_we_read_what_the_sdk_emits():
    ours = sample(BY_TYPE["feedback.received"])
    attributes = {name: value for name, value in ours.document().items() if name != "data"}
    attributes["time"] = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    theirs = CloudEvent(attributes=attributes, data=ours.data)

    event = Event.from_bytes(JSONFormat().write(theirs))

    assert event.id == ours.id
    assert event.sequence == ours.sequence
    assert event.parse(BY_TYPE["feedback.received"]) == ours.parse(BY_TYPE["feedback.received"])
