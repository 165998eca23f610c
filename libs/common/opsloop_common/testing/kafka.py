"""A real Kafka broker for tests: given by the environment, in a container, or from its jars through Maven and Java 17."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

KAFKA = "4.1.0"
SCALA = "2.13"
SLF4J = "1.7.36"
CONTAINER_DATA = "/tmp/kafka"  # noqa: S108 inside the container
IMAGE = f"apache/kafka:{KAFKA}"
READY_SECONDS = 90.0
DOWNLOAD_SECONDS = 600.0

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>opsloop</groupId><artifactId>test-broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_{SCALA}</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{SLF4J}</version></dependency>
  </dependencies>
</project>
"""


class NoBroker(Exception):
    """No broker can be had here; the text says what was tried."""


class KafkaBroker(Protocol):
    """A running broker. Those we did not start ourselves cannot be killed."""

    bootstrap: str
    can_die: bool

    def kill9(self) -> None:
        """Kill it as a power cut would."""
        ...

    def stop(self) -> None:
        """Stop it in good order."""
        ...

    def restart(self) -> None:
        """Start it again on the same port and data, and wait until it answers."""
        ...


class GivenBroker:
    """A broker that somebody else runs."""

    can_die = False

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def kill9(self) -> None:
        """Refuse."""
        raise RuntimeError("this broker is not ours to kill")

    stop = restart = kill9


class ContainerBroker:
    """A broker in a container."""

    can_die = True

    def __init__(self) -> None:
        port = free_ports(1)[0]
        self.bootstrap = f"127.0.0.1:{port}"
        self._name = f"opsloop-kafka-{uuid4().hex[:8]}"
        environment = broker_settings("0.0.0.0:9092", "0.0.0.0:9093", self.bootstrap, CONTAINER_DATA, "localhost:9093")
        command = ["docker", "run", "--detach", "--name", self._name, "--publish", f"127.0.0.1:{port}:9092"]
        for key, value in environment.items():
            command += ["--env", f"KAFKA_{key.upper().replace('.', '_')}={value}"]
        self._docker(*command[1:], IMAGE)
        await_port(port)

    def _docker(self, *arguments: str) -> None:
        subprocess.run(["docker", *arguments], check=True, capture_output=True, timeout=DOWNLOAD_SECONDS)  # noqa: S607

    def kill9(self) -> None:
        """Kill the container."""
        self._docker("kill", self._name)

    def stop(self) -> None:
        """Stop the container."""
        self._docker("stop", self._name)

    def restart(self) -> None:
        """Start the container again."""
        self._docker("start", self._name)
        await_port(int(self.bootstrap.rpartition(":")[2]))

    def remove(self) -> None:
        """Remove the container and its data."""
        self._docker("rm", "--force", self._name)


class JarBroker:
    """A broker from jars: one KRaft node, broker and controller at once, in a folder of its own.

    `advertised`: the address it tells its clients instead of its own, for a proxy before it.
    """

    can_die = True

    def __init__(self, jars: Path, folder: Path, *, advertised: str | None = None) -> None:
        self._folder = folder
        self._class_path = f"{jars}/*"
        self._process: subprocess.Popen[bytes] | None = None
        self._port, controller_port = free_ports(2)
        self.bootstrap = f"127.0.0.1:{self._port}"
        controller = f"127.0.0.1:{controller_port}"
        told = advertised or self.bootstrap
        settings = broker_settings(self.bootstrap, controller, told, str(folder / "data"), controller)
        self._properties = folder / "server.properties"
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        self._java("kafka.tools.StorageTool", "format", "-t", "b3BzbG9vcC10ZXN0LTAwMQ", "-c", str(self._properties))
        self.restart()

    def _command(self, *arguments: str) -> list[str]:
        return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", self._class_path, *arguments]

    def _java(self, *arguments: str) -> None:
        done = subprocess.run(self._command(*arguments), check=False, capture_output=True, timeout=READY_SECONDS)
        if done.returncode:
            raise NoBroker(f"{arguments[0]} failed: {done.stderr.decode(errors='replace')[-1000:]}")

    def restart(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._properties)), stdout=log, stderr=log, start_new_session=True
            )
        await_port(self._port, self._process)

    def kill9(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop the process, killing it after 30 s."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill9()


def broker_settings(listener: str, controller: str, advertised: str, data: str, voter: str) -> dict[str, str]:
    """Return the properties of a single test node: small, quick to start, and no topics by themselves."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{voter}",
        "listeners": f"PLAINTEXT://{listener},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "log.cleaner.dedupe.buffer.size": "8000000",
        "log.index.size.max.bytes": "65536",
        "log.segment.delete.delay.ms": "1000",  # what tests leave behind is read through at each restart
    }


def free_ports(count: int) -> list[int]:
    """Return free loopback ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def await_port(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until something listens on the port; the broker does when it is ready."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process is not None and process.poll() is not None:
                raise NoBroker(f"the broker ended with {process.returncode} at its start") from None
            time.sleep(0.1)
        else:
            return
    raise NoBroker(f"the broker did not answer within {READY_SECONDS:.0f} s")


def broker_jars() -> Path:
    """Return a folder with the broker's jars, fetched once through Maven and kept in the user's cache."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise NoBroker(f"no KAFKA_BOOTSTRAP_SERVERS, no container engine, and no {program}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opsloop"
    jars = cache / f"kafka-{SCALA}-{KAFKA}"
    if jars.exists():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=cache) as name:
        work = Path(name)
        (work / "pom.xml").write_text(POM)
        command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={work / 'jars'}"]
        done = subprocess.run(command, cwd=work, check=False, capture_output=True, timeout=DOWNLOAD_SECONDS)
        if done.returncode:
            raise NoBroker(f"Maven could not fetch the broker: {done.stdout.decode(errors='replace')[-500:]}")
        try:
            (work / "jars").rename(jars)
        except OSError:  # another run was faster
            if not jars.exists():
                raise
    return jars


def container_engine_answers() -> bool:
    """Say whether containers can be started here."""
    if shutil.which("docker") is None:
        return False
    try:
        return not subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=10).returncode  # noqa: S607
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def running_broker() -> Iterator[KafkaBroker]:
    """Have a broker for the length of the block. Raises NoBroker with the reason when none can be had."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield GivenBroker(given)
        return
    if container_engine_answers():
        container = ContainerBroker()
        try:
            yield container
        finally:
            container.remove()
        return
    jars = broker_jars()
    with tempfile.TemporaryDirectory(prefix="opsloop-kafka-", ignore_cleanup_errors=True) as name:
        broker = JarBroker(jars, Path(name))
        try:
            yield broker
        finally:
            broker.kill9()
