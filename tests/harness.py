"""Run OpsLoop as its users do, in real processes on this machine's loopback, and end it the hard way."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil

from tests.forks import Forked

SERVICES = ("feedback", "metrics", "campaigns", "notifications")
OPERATOR_KEY = "operator-key-of-the-tests"
SECRET_KEY = "a-secret-of-the-tests-0123456789abcdef"
START_DEADLINE_SECONDS = 90.0

T = TypeVar("T")


def free_port() -> int:
    """Return a TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def eventually(
    probe: Callable[[], Awaitable[T]], *, within: float = 30.0, every: float = 0.1, what: str = "condition"
) -> T:
    """Return the first truthy answer of `probe`; an AssertionError with the last answer when `within` seconds pass."""
    deadline = time.monotonic() + within
    answer: T | None = None
    while time.monotonic() < deadline:
        answer = await probe()
        if answer:
            return answer
        await asyncio.sleep(every)
    raise AssertionError(f"not within {within:.0f} s: {what}; last seen: {answer!r}")


@dataclass
class Process:
    """One OpsLoop process: its command, its environment, its log."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    is_forked: bool = False
    """Whether it is forked from one that has imported all, which is sooner there and is not found by its command."""
    running: subprocess.Popen[bytes] | Forked | None = None

    def start(self, **extra: str) -> None:
        """Start it; `extra` adds to its environment for this life only."""
        if self.is_forked:
            self.running = Forked(self.command, self.environment | extra, self.log)
            return
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                env=self.environment | extra,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return its process id."""
        assert self.running is not None
        return self.running.pid

    def is_dead(self) -> bool:
        """Say whether it has ended."""
        return self.running is None or self.running.poll() is not None

    def kill9(self) -> None:
        """End it without a word of warning."""
        assert self.running is not None
        self.running.kill()
        self.running.wait(30)

    def terminate(self, timeout: float = 60.0) -> int:
        """Ask it to end and return its exit status."""
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(timeout)

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""


@dataclass
class Deployment:
    """A running OpsLoop, however many processes it is."""

    processes: dict[str, Process]
    urls: dict[str, str]
    database_urls: dict[str, str]
    key: str = OPERATOR_KEY
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    def process_of(self, service: str) -> Process:
        """Return the process that a service lives in."""
        return self.processes.get(service) or self.processes["opsloop"]

    def client(self, service: str, *, key: str | None = None) -> httpx.AsyncClient:
        """Return an HTTP client of one service, signed in."""
        client = httpx.AsyncClient(
            base_url=self.urls[service],
            # an answer with an end, also of a stream
            headers={"Authorization": f"Bearer {key or self.key}"} | {"Accept": "application/json"},
            timeout=httpx.Timeout(30.0),
            trust_env=False,
        )
        self._clients.append(client)
        return client

    async def ready(self) -> None:
        """Wait until every service says it is ready."""
        async with httpx.AsyncClient(trust_env=False) as client:
            seen: dict[str, str] = {}

            async def all_ready() -> bool:
                for name, process in self.processes.items():
                    assert not process.is_dead(), f"{name} ended early:\n{process.tail()}"
                try:
                    answers = {name: await client.get(f"{url}/readyz") for name, url in self.urls.items()}
                except httpx.TransportError as error:
                    seen.update(error=repr(error))
                    return False
                seen.update({name: answer.text for name, answer in answers.items()})
                return all(answer.status_code == 200 for answer in answers.values())

            try:
                await eventually(all_ready, within=START_DEADLINE_SECONDS, what="every service ready")
            except AssertionError as error:
                logs = "\n".join(f"--- {name}\n{process.tail()}" for name, process in self.processes.items())
                raise AssertionError(f"{error}; {seen}\n{logs}") from None

    async def fetch(self, service: str, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """Read a service's database as its owner, past row-level security: for counting what happened."""
        connection = await connect(self.database_urls[service])
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            return rows
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close the clients and end every process."""
        for client in self._clients:
            await client.aclose()
        for process in self.processes.values():
            if not process.is_dead():
                process.running.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
        for process in self.processes.values():
            if process.running is not None:
                try:
                    # in a thread: a mail sink on this loop must still answer
                    await asyncio.to_thread(process.running.wait, 60)
                except subprocess.TimeoutExpired:
                    process.kill9()


def connect_arguments(url: str) -> dict[str, str]:
    """Return asyncpg's arguments for a SQLAlchemy URL over a Unix socket, as the owner of the database."""
    parts = urlsplit(url)
    return {"user": "postgres", "database": parts.path.lstrip("/"), "host": parts.query.removeprefix("host=")}


async def connect(url: str) -> asyncpg.Connection:
    """Open a plain connection as the owner of the database."""
    return await asyncpg.connect(**connect_arguments(url))


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without OpsLoop's own settings, plus `settings`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPSLOOP_", "KAFKA_", "FEEDBACK_", "METRICS_", "CAMPAIGNS_", "NOTIFICATIONS_"))
    }
    common = {
        "OPSLOOP_BOOTSTRAP_KEY": OPERATOR_KEY,
        "OPSLOOP_SECRET_KEY": SECRET_KEY,
        "OPSLOOP_OUTBOUND": "allowlist",
        "OPSLOOP_OUTBOUND_ALLOW": "127.0.0.0/8",
        "OPSLOOP_HOST": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
    }
    return inherited | common | settings


def embedded(
    folder: Path, *, socket_dir: Callable[[Path], Path], is_forked: bool = True, **settings: str
) -> Deployment:
    """Describe the all-in-one below `folder` (not started)."""
    port = free_port()
    data_dir = folder / "data"
    variables = environment(OPSLOOP_PORT=str(port), OPSLOOP_DATA_DIR=str(data_dir), **settings)
    process = Process("opsloop", [sys.executable, "-m", "opsloop", "up"], variables, folder / "opsloop.log", is_forked)
    base = f"http://127.0.0.1:{port}"
    sockets = socket_dir(data_dir)
    return Deployment(
        processes={"opsloop": process},
        urls={service: f"{base}/api/{service}" for service in SERVICES},
        database_urls={service: f"postgresql+asyncpg://postgres@/{service}?host={sockets}" for service in SERVICES},
    )


def copy_data(prepared: Path, folder: Path) -> None:
    """Lay a copy of a data directory below `folder`, with its owner, which is not ours."""
    subprocess.run(["cp", "-a", str(prepared), str(folder)], check=True)


def data_dir_of(deployment: Deployment) -> Path:
    """Return where the all-in-one keeps its data."""
    return Path(deployment.processes["opsloop"].environment["OPSLOOP_DATA_DIR"])


def postmasters(deployment: Deployment) -> list[int]:
    """Return the ids of the main processes of the all-in-one's PostgreSQL."""
    words = {"-D", str(data_dir_of(deployment) / "postgres")}
    found = {
        each.pid: each.info["ppid"]
        for each in psutil.process_iter(["cmdline", "ppid"])
        if words <= set(each.info["cmdline"] or [])
    }
    # a child that was made just now is still called as its parent is
    return [pid for pid, parent in found.items() if parent not in found]


def distributed(
    folder: Path, *, bootstrap: str, database_urls: dict[str, str], is_forked: bool = True, **settings: str
) -> Deployment:
    """Describe four processes on Kafka and four databases (not started, not migrated)."""
    processes, urls = {}, {}
    for service in SERVICES:
        port = free_port()
        variables = environment(
            OPSLOOP_PORT=str(port),
            OPSLOOP_BUS="kafka",
            OPSLOOP_KAFKA_BOOTSTRAP=bootstrap,
            OPSLOOP_KAFKA_PREFIX=f"opsloop.{folder.name}",  # what another left behind in the broker is none of its business
            OPSLOOP_KAFKA_REPLICATION="1",
            OPSLOOP_KAFKA_SESSION_TIMEOUT_MS="6000",
            **{f"{service.upper()}_DATABASE_URL": database_urls[service]},
            **settings,
        )
        command = [sys.executable, "-m", f"opsloop_{service}", "serve", "--role", "all"]
        processes[service] = Process(service, command, variables, folder / f"{service}.log", is_forked)
        urls[service] = f"http://127.0.0.1:{port}"
    return Deployment(processes=processes, urls=urls, database_urls=database_urls)


def migrate(deployment: Deployment) -> None:
    """Run every service's own `migrate` command, all at once."""
    running = {
        service: Forked([*process.command[:3], "migrate"], process.environment, process.log)
        for service, process in deployment.processes.items()
    }
    for service, migrating in running.items():
        assert migrating.wait(120) == 0, f"{service} migrate: {deployment.processes[service].tail()}"


def run_forked(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of OpsLoop to its end as a fork; what it says is kept in `folder` meanwhile."""
    said, complained = folder / "said", folder / "complained"
    for file in (said, complained):
        file.write_text("")
    status = Forked(command, environment, said, complained).wait(60)
    return subprocess.CompletedProcess(command, status, said.read_text(), complained.read_text())


@contextmanager
def killed_after(process: Process) -> Iterator[None]:
    """Kill a process when the block ends, if it still lives: a net under a failing test."""
    try:
        yield
    finally:
        if not process.is_dead():
            process.kill9()
