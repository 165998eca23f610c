"""What of the standard library the product keeps away from, since it is unsafe on some patch of Python that we run on.

docs/dependencies.md, section Python, says of each why, and what stands in its place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsloop_common.testing.clock import FakeClock
from opsloop_notifications.deliveries.rules import retry_after

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("libs/common/opsloop_common", "services", "deploy/embedded/opsloop")
    for path in (ROOT / folder).rglob("*.py")
    if not {"tests", "testing", "demo"} & set(path.relative_to(ROOT).parts)
]
SHUNNED_MODULES = {
    "email.header", "email.message", "email.policy", "email.parser", "email.mime", "email.headerregistry", "smtplib",
    "http.client", "http.server", "http.cookiejar", "urllib.request", "ftplib", "imaplib", "poplib", "telnetlib",
    "tarfile", "zipfile", "pickle", "shelve", "marshal", "xml", "html.parser", "cgi",
}  # fmt: skip
SHUNNED_NAMES = {
    "is_global", "is_private", "parseaddr", "formataddr", "getaddresses", "EmailMessage", "make_header",
    "unpack_archive", "set_content", "mktemp",
}  # fmt: skip
APART = {
    # in a process of its own, with bounds of the system's on memory and time: what it gets wrong is a mail that is parked
    "services/feedback/opsloop_feedback/letters/reading.py": {
        "email.header",
        "email.message",
        "getaddresses",
        "EmailMessage",
    },
    # on a connection of ours, what it reads is bounded; what it is told to write are printable lines
    "services/feedback/opsloop_feedback/imap/service.py": {"imaplib"},
}
"""Files that use some of it all the same, each with the reason why nobody is held or misled."""


def names_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module, names=names) if module:
                yield module
                yield from (name.name for name in names)
                yield from (f"{module}.{name.name}" for name in names)
            case ast.Attribute(attr=attr):
                yield attr
            case ast.Call(func=ast.Attribute(attr="encode" | "decode"), args=[ast.Constant(value="idna"), *_]):
                yield "idna codec"


def test_the_product_keeps_away_from_what_some_python_gets_wrong():
    found = []
    for path in SOURCES:
        for name in names_of(ast.parse(path.read_text())):
            parts = name.split(".")
            shunned = any(".".join(parts[:end]) in SHUNNED_MODULES for end in range(1, len(parts) + 1))
            if any(name == each or name.startswith(f"{each}.") for each in APART.get(f"{path.relative_to(ROOT)}", ())):
                continue
            if shunned or name in SHUNNED_NAMES or name == "idna codec":
                found.append(f"{path.relative_to(ROOT)}: {name}")
    assert found == []
    assert len(SOURCES) > 150


@pytest.mark.parametrize(
    "value",
    [
        "Mon, 99999999999999999999 Jan 2026 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 2026 00:00:00 -9999",
        "=?utf-8?q?=0A?=",
        "9" * 8_000,
        "(" * 8_000,
        "\x00",
        "",
    ],
)
def test_a_peers_date_that_no_clock_has_is_no_wish(value):
    wish = retry_after(503, value, FakeClock().now())

    assert wish is None or wish.total_seconds() >= 0
