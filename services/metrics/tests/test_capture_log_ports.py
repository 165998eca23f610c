"""Which way captured messages go: through the log where there are brokers and a server, else straight to the one who writes."""

import pytest

from opsloop_metrics.app import SERVICE
from opsloop_metrics.capture_log.service import LogSink
from opsloop_metrics.recording.writer import Writer
from opsloop_metrics.settings import MetricsSettings

BROKERS = {"bus": "kafka", "kafka_bootstrap": "127.0.0.1:1"}
SERVER = {"clickhouse_url": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("given", "is_log"),
    [
        (BROKERS | SERVER, True),
        (BROKERS, False),
        ({"bus": "local"} | SERVER, False),
        ({"bus": "local"}, False),
    ],
)
async def test_the_way_is_chosen_by_the_settings_and_nothing_is_connected(api, given, is_log):
    ports = (await api(SERVICE, MetricsSettings(**given))).runtime.ports

    assert isinstance(ports.sink, LogSink if is_log else Writer)
    assert (ports.captured is not None) is is_log
    if is_log:
        assert isinstance(ports.captured.writer, Writer)
        assert ports.captured.log.topic == "opsloop.capture"
