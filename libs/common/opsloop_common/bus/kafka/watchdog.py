"""Notice a consumer that is alive but no longer consumes; aiokafka itself gives no sign of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from opsloop_common.bus.kafka.reading import Reading

CHECK_SECONDS = 10.0
ANSWER_SECONDS = 10.0
SILENT_SECONDS = 60.0

Report = Callable[[str | None, dict[TopicPartition, int]], None]


class Silent(Exception):
    """The consumer has events to read and does not read them."""


async def watch(
    consumer: AIOKafkaConsumer, reading: Reading, report: Report, *, silent_seconds: float = SILENT_SECONDS
) -> None:
    """Check until cancelled; raises Silent after `silent_seconds` without progress while the broker answers."""
    moved_at = time.monotonic()
    before: dict[TopicPartition, int] = {}
    while True:
        await asyncio.sleep(min(CHECK_SECONDS, silent_seconds / 3))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                partitions = consumer.assignment()
                ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions) if partitions else {}
                positions = {partition: await consumer.position(partition) for partition in partitions}
        except (KafkaError, TimeoutError) as error:
            report(f"the broker does not answer: {type(error).__name__}", {})
            moved_at = time.monotonic()  # nothing to be gained by a new consumer
            continue
        behind = {p for p in positions if ends.get(p, 0) > positions[p] and not reading.is_paused(p)}
        if not behind or any(positions[p] != before.get(p) for p in behind):
            moved_at = time.monotonic()
        before = positions
        report(None, {p: max(0, ends.get(p, 0) - reading.done.get(p, positions[p])) for p in positions})
        if time.monotonic() - moved_at > silent_seconds:
            raise Silent(f"no progress on {len(behind)} partitions for {silent_seconds:.0f} s")
