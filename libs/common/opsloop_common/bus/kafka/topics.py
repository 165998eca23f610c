"""Make the topics. The broker does not make any by itself, so that none appears with the wrong settings."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from functools import partial
from urllib.parse import urlsplit

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from opsloop_common.bus.kafka.clients import REQUEST_MS, close_admin, start
from opsloop_common.bus.topics import PRODUCERS, logs_from, topics_from
from opsloop_common.contracts.envelope import service_of, topic_of
from opsloop_common.settings import Settings, Unusable
from opsloop_common.supervision import Pauses, patiently

PARTITIONS = 12  # from the first day on: another number would move keys to other partitions and break their order
RETENTION_MS = 14 * 24 * 3600 * 1000
INTERNAL_RETENTION_MS = 3 * 24 * 3600 * 1000  # texts of people: so long as a consumer may be away
MESSAGE_BYTES = 1024 * 1024
LOG_MESSAGE_BYTES = 2 * 1024 * 1024
WAIT_SECONDS = 60.0
PAUSES = Pauses(first=1.0, longest=1.0)


def topic_configs(
    replication: int, *, retention_ms: int = RETENTION_MS, message_bytes: int = MESSAGE_BYTES
) -> dict[str, str]:
    """Return the settings under which no acknowledged event is lost: all but one replica must have it."""
    return {
        "retention.ms": str(retention_ms),
        "min.insync.replicas": str(max(1, replication - 1)),
        "unclean.leader.election.enable": "false",
        "max.message.bytes": str(message_bytes),
        "cleanup.policy": "delete",
    }


async def create_topics(
    settings: Settings, services: Iterable[str] = PRODUCERS, *, logs: Iterable[str] = ()
) -> list[str]:
    """Create the topics of `services` and `logs` that are missing, waiting up to 60 s for a broker; returns the names of the new ones.

    Raises Unusable when there is none, or it refuses; at once for brokers whose names nobody knows.
    """
    await _require_known_hosts(settings)
    copies, prefix = settings.kafka_replication, settings.kafka_prefix
    configs = {name: _configs(name, copies) for name in topics_from(services, prefix=prefix)}
    configs |= {name: topic_configs(copies, message_bytes=LOG_MESSAGE_BYTES) for name in logs_from(logs, prefix=prefix)}
    try:
        return await patiently(
            "the Kafka broker",
            partial(_create_with, settings, configs),
            pauses=PAUSES,
            passing=lambda error: isinstance(error, KafkaConnectionError | OSError),
            for_seconds=WAIT_SECONDS,
        )
    except (KafkaError, OSError) as error:
        raise Unusable(
            f"OPSLOOP_KAFKA_BOOTSTRAP: {error}. Are the brokers up, and do they let this client in?"
        ) from error


async def _require_known_hosts(settings: Settings) -> None:
    """Raise Unusable when no broker has a name that leads anywhere: that does not pass like a broker that is still starting."""
    loop = asyncio.get_running_loop()
    faults: list[Exception] = []
    for host in [urlsplit(f"//{broker.strip()}").hostname for broker in bootstrap(settings).split(",")]:
        try:
            await loop.getaddrinfo(host, None)
        except (socket.gaierror, UnicodeError) as error:  # the latter for what can be no name
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
                return
            faults.append(error)
        else:
            return
    raise Unusable(
        "OPSLOOP_KAFKA_BOOTSTRAP: none of its hosts has an address. Write host:port of the brokers"
    ) from faults[0]


async def _create_with(settings: Settings, configs: Mapping[str, dict[str, str]]) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap(settings), request_timeout_ms=REQUEST_MS)
    try:
        await start(admin, WAIT_SECONDS)
        return await _create(admin, configs, settings.kafka_replication)
    finally:
        await close_admin(admin)


async def _create(admin: AIOKafkaAdminClient, configs: Mapping[str, dict[str, str]], replication: int) -> list[str]:
    topics = [NewTopic(name, PARTITIONS, replication, topic_configs=config) for name, config in configs.items()]
    response = await admin.create_topics(topics)
    created = []
    for name, code, *detail in response.topic_errors:
        error: type[KafkaError] = for_code(code)
        if code == 0:
            created.append(name)
        elif error is not TopicAlreadyExistsError:
            raise error(f"{name}: {detail}")
    return created


def _configs(topic: str, replication: int) -> dict[str, str]:
    is_internal = topic.endswith(topic_of(service_of(topic), is_internal=True, prefix=""))
    return topic_configs(replication, retention_ms=INTERNAL_RETENTION_MS if is_internal else RETENTION_MS)


def bootstrap(settings: Settings) -> str:
    """Return the broker's address; a clear error when there is none."""
    if settings.kafka_bootstrap is None:
        raise RuntimeError("OPSLOOP_BUS=kafka needs OPSLOOP_KAFKA_BOOTSTRAP (host:port of a broker)")
    return settings.kafka_bootstrap
