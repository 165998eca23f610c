"""An HTTP front of chDB: as much of a ClickHouse server's HTTP interface as its own client needs, for tests of the server's adapter.

    python clickhouse_front.py FOLDER    prints its port, serves until its standard input ends

A process of its own, since a process holds one folder. Each request has a connection of its own, as it has a session on a server.
What it does not prove: docs/decisions/0040-a-log-before-the-event-store.md.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

OF_HTTP = re.compile(
    "database|query|query_id|session_id|session_timeout|default_format|wait_end_of_query|send_progress_in_http_headers|"
    "http_headers_progress_interval_ms|enable_http_compression|client_protocol_version|compress|decompress|user|password|role"
)
USER, PASSWORD = "metrics", "a/pass@word:?"
AUTHORIZATION = f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
CODE = re.compile(r"Code: (\d+)\.")


class Front(BaseHTTPRequestHandler):
    """Answers statements; `folder` is the engine's; `USER` is the only one."""

    protocol_version = "HTTP/1.1"
    folder = ""

    def do_GET(self) -> None:
        self._answer(200, b"Ok.\n", {})

    def do_POST(self) -> None:
        from chdb import ChdbError, connect

        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != AUTHORIZATION:
            self._refuse(516, "Code: 516. DB::Exception: Authentication failed")
            return
        if self.headers.get_content_type() == "multipart/form-data":
            given |= _fields(body, self.headers.get_boundary())
            body = b""
        statement = "\n".join(part for part in (given.get("query"), body.decode()) if part)
        parameters = {name[6:]: value for name, value in given.items() if name.startswith("param_")}
        settings = {
            name: value
            for name, value in given.items()
            if not OF_HTTP.fullmatch(name) and not name.startswith("param_")
        }
        connection = connect(self.folder)
        try:
            for name in sorted(settings, key=lambda name: name == "readonly"):  # which is the last that may be set
                connection.query(f"SET {name} = {_literal(settings[name])}")
            answer = connection.query(statement, given.get("default_format", "TabSeparated"), params=parameters)
            self._answer(200, bytes(answer.bytes()), {"X-ClickHouse-Timezone": "UTC", "X-ClickHouse-Summary": "{}"})
        except ChdbError as error:
            found = CODE.search(str(error))
            self._refuse(int(found[1]) if found else 1, str(error))
        finally:
            connection.close()

    def _refuse(self, code: int, words: str) -> None:
        self._answer(500, words.encode(), {"X-ClickHouse-Exception-Code": str(code)})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that go away before they are answered."""


def _fields(body: bytes, boundary: str) -> dict[str, str]:
    fields = {}
    for part in body.split(f"--{boundary}".encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        fields[re.findall(rb'name="([^"]+)"', head)[0].decode()] = value.removesuffix(b"\r\n").decode()
    return fields


def _literal(value: str) -> str:
    return value if re.fullmatch(r"-?[0-9.]+", value) else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextmanager
def fronted(folder: Path) -> Iterator[str]:
    """Have a front for the length of the block; its URL, with a user whom it lets in."""
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"clickhouse://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.kill()


def main(folder: str) -> None:
    from chdb import connect

    Front.folder = folder
    kept = connect(folder)  # the engine is shut down with its last connection
    server = Server(("127.0.0.1", 0), Front)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    kept.close()


if __name__ == "__main__":
    main(sys.argv[1])
