"""Making topics where there is no broker."""

import socket

import pytest

from opsloop_common.bus import topics as bus_topics
from opsloop_common.bus.kafka import topics
from opsloop_common.bus.topics import PRODUCERS
from opsloop_common.contracts.catalogue import INTERNAL, PRODUCERS_OF
from opsloop_common.contracts.envelope import service_of
from opsloop_common.settings import Settings, Unusable


async def test_a_broker_that_is_not_there_is_one_line_with_the_setting(monkeypatch):
    monkeypatch.setattr(topics, "WAIT_SECONDS", 0.1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        with pytest.raises(Unusable, match=r"^OPSLOOP_KAFKA_BOOTSTRAP: ") as refusal:
            await topics.create_topics(Settings(kafka_bootstrap=f"127.0.0.1:{port}"))

    assert "Are the brokers up" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("types", "listened"),
    [
        ({"*"}, [f"opsloop.{service}" for service in PRODUCERS]),
        ({"feedback.received"}, ["opsloop.feedback"]),
        ({"message.requested"}, ["opsloop.campaigns", "opsloop.campaigns.internal"]),
        ({"message.requested", "kpi.breached"}, ["opsloop.metrics", "opsloop.campaigns", "opsloop.campaigns.internal"]),
        ({"unheard.of"}, [f"opsloop.{service}" for service in PRODUCERS]),
    ],
)
def test_internal_topics_are_listened_to_by_those_who_name_what_is_in_them(types, listened):
    assert bus_topics.topics_of(types) == listened


@pytest.mark.parametrize(
    ("service", "written"),
    [
        ("feedback", ["x-1.feedback", "x-1.feedback.internal"]),
        ("notifications", ["x-1.notifications", "x-1.notifications.internal"]),
        ("campaigns", ["x-1.campaigns", "x-1.campaigns.internal"]),
        ("sample", ["x-1.sample"]),
    ],
)
def test_a_service_writes_its_topics(service, written):
    assert bus_topics.topics_from([service], prefix="x-1") == written


@pytest.mark.parametrize("service", [*PRODUCERS, "sample"])
@pytest.mark.parametrize("prefix", ["opsloop", "bench-1", "a.b"])
def test_of_each_topic_the_service_is_known(service, prefix):
    topics = bus_topics.topics_from([service], prefix=prefix)
    assert {service_of(topic) for topic in topics} == {service}
    assert len(set(topics)) == len(topics)


def test_a_public_type_is_told_by_one_service():
    """The list of event types names one for each."""
    assert {type for type, services in PRODUCERS_OF.items() if len(services) > 1} <= INTERNAL
    assert {service for services in PRODUCERS_OF.values() for service in services} == set(PRODUCERS)
