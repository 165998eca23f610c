"""A real mail server for tests, SMTP and IMAP with TLS: GreenMail from its jar, through Maven and Java 17."""

from __future__ import annotations

import os
import shutil
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from opsloop_common.testing.kafka import free_ports

VERSION = "2.1.5"
READY_SECONDS = 90.0
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>opsloop</groupId><artifactId>test-mail</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>com.icegreen</groupId><artifactId>greenmail-standalone</artifactId><version>{VERSION}</version>
  </dependency></dependencies>
</project>
"""


class NoMailServer(Exception):
    """No mail server can be had here; the text says what was tried."""


@dataclass(frozen=True)
class MailServer:
    """A running server with the mailbox help@shop.example (password `geheim 密码`, of which it takes any)."""

    smtp_port: int
    imaps_port: int

    def send(self, mail: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10) as client:
            client.send_message(mail, from_addr="someone@example.com", to_addrs=["help@shop.example"])

    def trusting(self) -> ssl.SSLContext:
        """Return a context that trusts its certificate, which names another host."""
        certificate = ssl.get_server_certificate(("127.0.0.1", self.imaps_port))
        context = ssl.create_default_context(cadata=certificate)
        context.check_hostname = False
        return context


def jar() -> Path:
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise NoMailServer(f"no {program}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opsloop"
    kept = cache / f"greenmail-{VERSION}.jar"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="greenmail-", dir=cache) as name:
            (Path(name) / "pom.xml").write_text(POM)
            command = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={name}/jars"]
            done = subprocess.run(command, cwd=name, check=False, capture_output=True, timeout=600)
            if done.returncode:
                raise NoMailServer(f"Maven could not fetch it: {done.stdout.decode(errors='replace')[-500:]}")
            (Path(name) / "jars" / f"greenmail-standalone-{VERSION}.jar").replace(kept)
    return kept


@contextmanager
def running() -> Iterator[MailServer]:
    """Have a server for the length of the block; raises NoMailServer with the reason when none can be had."""
    smtp, imaps = free_ports(2)
    said = {
        "smtp.hostname": "127.0.0.1",
        "smtp.port": smtp,
        "imaps.hostname": "127.0.0.1",
        "imaps.port": imaps,
        "auth.disabled": "",
        "users": "help:secret@shop.example",
    }
    options = [f"-Dgreenmail.{name}={value}" for name, value in said.items()]
    command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", *options, "-jar", str(jar())]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for port in (smtp, imaps):
            _await(port, process)
        yield MailServer(smtp, imaps)
    finally:
        process.kill()
        process.wait()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None:
                raise NoMailServer(f"it ended with {process.returncode} at its start") from None
            time.sleep(0.1)
        else:
            return
    raise NoMailServer(f"it did not answer within {READY_SECONDS:.0f} s")
