"""Which event store there is, and what `migrate` says of a server that cannot be used: one line, the setting, no secret."""

import asyncio
import os
import sys

import pytest

from opsloop_common.settings import BadSettings, Unusable
from opsloop_metrics.app import SERVICE
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.store.embedded import EmbeddedStore
from opsloop_metrics.store.engine import EngineFailed
from opsloop_metrics.store.opening import NoStore, migrate_store, open_store
from opsloop_metrics.store.port import StoreUnavailable
from opsloop_metrics.store.server import ServerStore


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, NoStore),
        ({"events_path": "events"}, EmbeddedStore),
        ({"clickhouse_url": "http://127.0.0.1:1"}, ServerStore),
        ({"clickhouse_url": "https://u:p@clickhouse:8443", "events_path": "events"}, ServerStore),
    ],
)
async def test_a_server_goes_before_the_engine_in_this_process(given, kind):
    async with open_store(MetricsSettings(**given)) as store:
        assert isinstance(store, kind)


async def test_without_a_store_whoever_needs_it_is_told_what_to_set():
    async with open_store(MetricsSettings()) as store:
        for asked in (store.query("SELECT 1"), store.insert("t", ["a"], [[1]])):
            with pytest.raises(StoreUnavailable, match="OPSLOOP_CLICKHOUSE_URL"):
                await asked
        await store.change("DROP")  # there is nothing to change, and nothing to erase


@pytest.mark.parametrize("url", ["", "clickhouse", "tcp://host:9000", "http://", "http://host:0", "http://host:port"])
def test_what_is_no_address_of_a_server_is_refused_without_quoting_it(url):
    with pytest.raises(BadSettings, match="OPSLOOP_CLICKHOUSE_URL") as refused:
        MetricsSettings(clickhouse_url=url)

    assert not url or f"{url} " not in str(refused.value)


async def test_a_server_that_is_away_is_unavailable_and_comes_back(unused_tcp_port, clickhouse):
    store = ServerStore(f"http://u:a-password@127.0.0.1:{unused_tcp_port}")
    with pytest.raises(StoreUnavailable) as refused:
        await store.query("SELECT 1")
    assert "a-password" not in str(refused.value)

    store._url = clickhouse.replace("clickhouse://", "http://")
    assert (await store.query("SELECT 1")).rows == [[1]]
    await store.close()


async def test_migrating_twice_is_migrating_once(clickhouse):
    await migrate_store(MetricsSettings(clickhouse_url=clickhouse))

    async with open_store(MetricsSettings(clickhouse_url=clickhouse)) as store:
        assert await store.migrate() == []


async def test_without_a_server_there_is_nothing_to_migrate():
    await migrate_store(MetricsSettings(events_path="nowhere"))


@pytest.mark.parametrize(
    ("user", "words"),
    [("refused", "does not let this user in"), (None, "does not answer")],
)
async def test_a_server_that_cannot_be_used_is_told_in_words(clickhouse, unused_tcp_port, user, words):
    url = f"http://u:a-password@127.0.0.1:{unused_tcp_port}"
    if user is not None:
        url = clickhouse.replace("metrics:", f"{user}:")

    with pytest.raises(Unusable, match=f"OPSLOOP_CLICKHOUSE_URL: the server {words}") as refused:
        await migrate_store(MetricsSettings(clickhouse_url=url))

    assert "a-password" not in str(refused.value)


@pytest.mark.parametrize(("code", "words"), [(497, "may not make the tables"), (48, "its error 48")])
async def test_what_a_server_refuses_to_do_is_told_in_words(clickhouse, monkeypatch, code, words):
    async def refuse(self):
        raise EngineFailed(f"Code: {code}. DB::Exception: of a-password")

    monkeypatch.setattr(ServerStore, "migrate", refuse)
    with pytest.raises(Unusable, match=words) as refused:
        await migrate_store(MetricsSettings(clickhouse_url=clickhouse))

    assert "a-password" not in str(refused.value)


@pytest.mark.slow
async def test_the_command_migrates_both_and_says_in_one_line_what_it_cannot(
    make_database, clickhouse, unused_tcp_port
):
    database = await make_database(SERVICE)

    async def migrate(url):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "opsloop_metrics", "migrate"),
            env=os.environ
            | {"METRICS_DATABASE_URL": database.url, "OPSLOOP_BUS": "local", "OPSLOOP_CLICKHOUSE_URL": url},
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        return process.returncode, said.decode()

    done = await migrate(clickhouse)
    refused = await migrate(f"http://u:a-password@127.0.0.1:{unused_tcp_port}")

    assert done[0] == 0, done[1]
    assert refused[0] == 1
    assert refused[1].splitlines()[-1].startswith("metrics: OPSLOOP_CLICKHOUSE_URL: the server does not answer")
    assert "a-password" not in refused[1]
    assert "Traceback" not in refused[1]


async def test_a_server_that_does_not_answer_yet_is_told_of_and_waited_for(unused_tcp_port, capsys):
    url = f"http://u:a-password@127.0.0.1:{unused_tcp_port}"

    async with open_store(MetricsSettings(clickhouse_url=url)) as store:
        with pytest.raises(StoreUnavailable):
            await store.query("SELECT 1")

    said = capsys.readouterr().out
    assert "no event store yet" in said
    assert "OPSLOOP_CLICKHOUSE_URL" in said
    assert "a-password" not in said


async def test_a_server_that_will_not_do_ends_the_start_in_words(clickhouse):
    with pytest.raises(Unusable, match="does not let this user in"):
        async with open_store(MetricsSettings(clickhouse_url=clickhouse.replace("metrics:", "refused:"))):
            pass


@pytest.mark.parametrize(("code", "words"), [(60, "migrate` first"), (81, "migrate` first"), (497, "rights")])
async def test_a_server_without_our_tables_says_what_to_do(clickhouse, monkeypatch, code, words):
    async def refuse(self, *_, **__):
        raise EngineFailed(f"Code: {code}. DB::Exception: no opsloop.event")

    monkeypatch.setattr(ServerStore, "query", refuse)
    with pytest.raises(Unusable, match=f"OPSLOOP_CLICKHOUSE_URL.*{words}"):
        async with open_store(MetricsSettings(clickhouse_url=clickhouse)):
            pass
