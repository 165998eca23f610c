"""The bus between processes: Kafka through plain aiokafka, with its known traps coded around."""

from opsloop_common.bus.kafka.bus import KafkaBus
from opsloop_common.bus.kafka.log import KafkaLog
from opsloop_common.bus.kafka.topics import create_topics

__all__ = ["KafkaBus", "KafkaLog", "create_topics"]
