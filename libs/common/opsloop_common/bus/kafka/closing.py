"""Stop aiokafka clients whatever state they are in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from aiokafka import AIOKafkaProducer

STOP_SECONDS = 5.0


async def quietly(stop: Coroutine[Any, Any, None], seconds: float = STOP_SECONDS) -> bool:
    """Run a client's `stop()` for at most `seconds`; says whether it came to its end.

    With the broker down a producer with a pending batch never stops, and a consumer's `stop()` raises CancelledError at its
    caller (both measured with 0.14). In a task of its own neither reaches us.
    """
    task = asyncio.create_task(stop)
    await asyncio.wait([task], timeout=seconds)
    if not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)
    return task.done() and not task.cancelled() and task.exception() is None


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Stop a producer, or drop it with what it has pending: that may still arrive, or not, and is published again."""
    if await quietly(producer.stop()):
        return
    if producer._sender is not None:  # its task would retry an unacknowledged batch for ever
        await quietly(producer._sender.close(), 1)
    await quietly(producer.client.close(), 1)
