"""What is said of Kafka brokers that nobody can find, before anything waits for them."""

import asyncio

import pytest

from opsloop_common.bus.kafka import create_topics
from opsloop_common.bus.kafka.topics import _require_known_hosts
from opsloop_common.settings import Settings, Unusable


@pytest.mark.parametrize(
    "brokers",
    [
        "nonsense.invalid",
        "nonsense.invalid:9092",
        "nonsense.invalid:9092,other.invalid:9092",
        "例子..公司:9092",
    ],
)
async def test_brokers_whose_names_lead_nowhere_are_one_line_at_once(brokers):
    async with asyncio.timeout(30):
        with pytest.raises(Unusable, match=r"^OPSLOOP_KAFKA_BOOTSTRAP: none of its hosts has an address") as refusal:
            await create_topics(Settings(kafka_bootstrap=brokers))

    assert "\n" not in str(refusal.value)
    assert "invalid" not in str(refusal.value)


@pytest.mark.parametrize(
    "brokers", ["127.0.0.1:9092", "[::1]:9092", "localhost", "nonsense.invalid:9092, localhost:9092"]
)
async def test_one_that_can_be_found_is_enough(brokers):
    await _require_known_hosts(Settings(kafka_bootstrap=brokers))
