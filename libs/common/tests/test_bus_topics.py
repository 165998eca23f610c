"""Making topics where there is no broker."""

import socket

import pytest

from opsloop_common.bus.kafka import topics
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
