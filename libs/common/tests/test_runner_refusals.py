"""What a command line says when what its settings name cannot be used: one line, the setting first, no secret."""

import asyncio
import os
import signal
import socket
import subprocess
import sys

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from opsloop_common.runner.databases import told_in_words
from opsloop_common.runner.serve import _listening
from opsloop_common.runner.signals import Signals
from opsloop_common.settings import Unusable

SECRET = "S3cr3tThatNobodyMaySee"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused. Is PostgreSQL up"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known. Is PostgreSQL up"),
        (TimeoutError(), "no answer in time. Is PostgreSQL up"),
        (asyncpg.InvalidPasswordError('password authentication failed for user "a"'), 'user "a". Give a user'),
        (asyncpg.InvalidAuthorizationSpecificationError("no pg_hba.conf entry"), "entry. Give a user"),
        (asyncpg.InvalidCatalogNameError('database "a" does not exist'), "exist. Create the database"),
        (asyncpg.InsufficientPrivilegeError("permission denied to create role\nDETAIL"), "role. Migrations run as"),
        (asyncpg.UndefinedTableError('relation "api_key" does not exist'), "exist. Run `migrate` first"),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), "already. Is PostgreSQL up"),
        (asyncpg.CannotConnectNowError("the database system is starting up"), "starting up. Is PostgreSQL up"),
    ],
)
def test_a_database_that_refuses_is_one_line_with_the_setting(error, said, monkeypatch):
    monkeypatch.setenv("SAMPLE_DATABASE_DIRECT_URL", "given")
    for direct, setting in ((False, "SAMPLE_DATABASE_URL"), (True, "SAMPLE_DATABASE_DIRECT_URL")):
        with pytest.raises(Unusable) as refusal, told_in_words("sample", direct=direct):
            raise error

        assert str(refusal.value).startswith(f"{setting}: ")
        assert said in str(refusal.value)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "error", [asyncpg.UniqueViolationError("twice"), asyncpg.PostgresSyntaxError("near"), KeyError("a")]
)
def test_a_fault_of_our_own_stays_one(error):
    with pytest.raises(type(error)), told_in_words("sample"):
        raise error


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("例子..公司", "no name of a host"),
        ("é" * 64, "no name of a host"),
        ("192.0.2.1", "Cannot assign requested address"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_one_line_with_the_settings(host, words):
    with pytest.raises(Unusable, match=r"^OPSLOOP_HOST, OPSLOOP_PORT: cannot listen on ") as refusal:
        _listening(host, 0)

    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_taken_port_is_one_line_with_the_settings():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(Unusable, match="Address already in use"):
            _listening("127.0.0.1", taken.getsockname()[1])


async def test_within_a_loop_the_first_signal_sets_the_event_and_a_repeated_sigterm_nothing():
    before = signal.getsignal(signal.SIGTERM)
    stop = asyncio.Event()

    with Signals().heeded() as signals, signals.setting(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await stop.wait()
        os.kill(os.getpid(), signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) is before


def test_where_nothing_runs_yet_the_first_signal_unwinds():
    unwound = []
    with pytest.raises(SystemExit) as end, Signals().heeded():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            unwound.append(True)

    assert end.value.code == 128 + signal.SIGINT
    assert unwound == [True]


SIGNALLED = """
import os, signal, sys, time
from opsloop_common.runner.signals import Signals
with Signals(last=lambda: os.write(1, b"last ")).heeded() as signals:
    signals.first = lambda number: print("first", flush=True)
    print("here", flush=True)
    try:
        while True:
            time.sleep(60)
    finally:
        time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_ctrl_c_after_the_first_signal_ends_a_process_at_once_without_a_traceback(number):
    process = subprocess.Popen([sys.executable, "-c", SIGNALLED], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert process.stdout.readline() == b"here\n"
        process.send_signal(number)
        assert process.stdout.readline() == b"first\n"
        process.send_signal(signal.SIGTERM)  # a repetition, which changes nothing
        process.send_signal(signal.SIGINT)

        assert process.communicate(timeout=10)[0] == b"last "
        assert process.returncode == 128 + signal.SIGINT
    finally:
        process.kill()


@pytest.mark.slow
def test_migrate_says_in_a_line_what_its_database_refuses(postgres_server):
    reached = make_url(postgres_server.url())
    cases = {
        f"postgresql://user:{SECRET}@127.0.0.1:9/db": "Is PostgreSQL up there",
        reached.set(drivername="postgresql", database="nowhere", password=SECRET).render_as_string(False): "nowhere",
    }
    for url, said in cases.items():
        given = os.environ | {"FEEDBACK_DATABASE_URL": url, "OPSLOOP_BUS": "local", "OPSLOOP_SECRET_KEY": "x" * 32}
        command = [sys.executable, "-m", "opsloop_feedback", "migrate"]
        done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)

        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith("feedback: FEEDBACK_DATABASE_URL: ")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert SECRET not in done.stderr
