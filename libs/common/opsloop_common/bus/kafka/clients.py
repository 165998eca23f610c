"""Start and stop aiokafka clients whatever state they are in.

Measured with 0.14: with the broker down a producer with a pending batch never stops; a member waiting for its group's rebalance
stops only when that is over; a consumer's `stop()` can raise CancelledError at its caller. In each case the client's tasks go
on: they send heartbeats and commits in its name, and open its connections again. So what does not stop in time is cut off:
first its tasks end, then its connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from opsloop_common import limits

REQUEST_MS = round(limits.KAFKA_REQUEST_SECONDS * 1000)
"""After this long a request's connection is given up and opened anew: that is how aiokafka notices a silent one."""
STOP_SECONDS = 5.0
CUT_SECONDS = 1.0

log = structlog.get_logger(__name__)


async def start(client: AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient, seconds: float) -> None:
    """Start a client; raises TimeoutError when that takes longer than `seconds`.

    A caller that is cancelled waits a little longer: a `start()` cancelled in the middle of its first request forgets its
    connection open (measured with 0.14).
    """
    task = asyncio.create_task(client.start())
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        if not task.done():
            await asyncio.wait([task], timeout=STOP_SECONDS)
            await _end([task])
    if task.cancelled():
        raise TimeoutError(f"no connection within {seconds:.0f} s")
    task.result()


async def close_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, or cut it off: what it did not commit comes again."""
    if await _ends(consumer.stop()):
        return
    coordinator, fetcher = consumer._coordinator, consumer._fetcher
    tasks: list[asyncio.Task[Any] | None] = []
    if coordinator is not None:
        tasks += [coordinator._coordination_task, coordinator._heartbeat_task, coordinator._commit_refresh_task]
    if fetcher is not None:
        tasks += [fetcher._fetch_task, *fetcher._pending_tasks]
    await _cut(consumer._client, tasks)


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Stop a producer, or cut it off: what it has pending may still arrive, or not, and is published again."""
    if not await _ends(producer.stop()):
        await _cut(producer.client, [producer._sender.sender_task] if producer._sender is not None else [])


async def close_admin(admin: AIOKafkaAdminClient) -> None:
    """Close an admin client, also one that was never connected."""
    if not await _ends(admin.close()):
        await _cut(admin._client, [])


async def _ends(stop: Coroutine[Any, Any, None]) -> bool:
    """Say whether a client's `stop()` comes to its end in time; in a task of its own, its cancellations do not reach us."""
    task = asyncio.create_task(stop)
    await asyncio.wait([task], timeout=STOP_SECONDS)
    if task.done() and not task.cancelled() and task.exception() is None:
        return True
    await _end([task])
    return False


async def _cut(client: AIOKafkaClient, tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    log.warning("Kafka client cut off", client=client._client_id)
    await _end([*tasks, client._sync_task])
    for connection in list(client._conns.values()):
        if (writer := connection._writer) is not None:
            writer.transport.abort()  # close() would wait until a peer that no longer reads has taken what is buffered
        connection.close()
    await asyncio.sleep(0)  # the sockets close when the loop comes round


async def _end(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    """Cancel tasks, again if need be: some of aiokafka's take a cancellation for the end of the one they wait for."""
    left = {task for task in tasks if task is not None and not task.done()}
    for _ in range(3):
        if not left:
            return
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CUT_SECONDS)
