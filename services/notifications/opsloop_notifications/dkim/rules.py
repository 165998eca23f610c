"""What of a mail is signed, in which form, and what the domain says of its keys. Pure: who has the key signs.

The form is relaxed/relaxed, which outlives what servers on the way do to spaces and folds.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Literal

Algorithm = Literal["rsa-sha256", "ed25519-sha256"]
Sign = Callable[[bytes], bytes]
"""Signs bytes with SHA-256 and a private key."""

OVERSIGNED = (
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "list-unsubscribe",
    "list-unsubscribe-post",
)
"""Signed once more than they stand there: one that somebody adds on the way breaks the signature (RFC 6376, 8.15)."""
DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
SELECTOR = re.compile(
    r"(?=.{1,63}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
LINE_CHARACTERS = 72
TXT_CHARACTERS = 255  # of one string of a TXT record; a long key is several
_SPACES = re.compile(rb"[ \t]+")
_FOLDS = re.compile(rb"\r\n(?=[ \t])")


def signature(content: bytes, *, domain: str, selector: str, algorithm: Algorithm, sign: Sign) -> bytes:
    """Return the `DKIM-Signature` line of a mail, to stand before its head; the same for the same mail.

    `content` is the mail, its lines ended by CRLF. There is no time in it: a repeated mail is the same.
    """
    head, _, body = content.partition(b"\r\n\r\n")
    fields = [_field(line) for line in re.split(rb"\r\n(?![ \t])", head)]
    names = _signed([name for name, _ in fields])
    hashed = b64encode(sha256(relaxed_body(body)).digest()).decode()
    tags = f"v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; s={selector}; h={':'.join(names)}; bh={hashed}; b="
    line = _folded(f"DKIM-Signature: {tags}")
    proof = b64encode(sign(b"".join([*_taken(fields, names), _relaxed(*_field(line.encode()))]))).decode()
    pieces = [proof[at : at + LINE_CHARACTERS] for at in range(0, len(proof), LINE_CHARACTERS)]
    return "\r\n ".join([line, *pieces]).encode() + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """Return a body with runs of spaces as one, none at the ends of lines, and no empty lines at its end."""
    lines = [_SPACES.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    text = b"\r\n".join(lines).rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


def record(key: str, algorithm: Algorithm) -> str:
    """Return what the domain's TXT record says of a public key, given in base64."""
    return f"v=DKIM1; k={algorithm.partition('-')[0]}; p={key}"


def zone_line(domain: str, selector: str, said: str) -> str:
    """Return a line of a zone file; a text that is too long for one string is several."""
    strings = [said[at : at + TXT_CHARACTERS] for at in range(0, len(said), TXT_CHARACTERS)]
    quoted = " ".join(f'"{each}"' for each in strings)
    return f"{selector}._domainkey.{domain}. IN TXT ( {quoted} )"


def _field(line: bytes) -> tuple[str, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower().decode(), _SPACES.sub(b" ", _FOLDS.sub(b"", value)).strip(b" ")


def _signed(names: list[str]) -> list[str]:
    return names + [name for name in OVERSIGNED if name not in names] + [name for name in OVERSIGNED if name in names]


def _taken(fields: list[tuple[str, bytes]], names: list[str]) -> list[bytes]:
    # of several of one name the last comes first; one that is not there is signed as nothing
    left = Counter(name for name, _ in fields)
    found = []
    for name in names:
        if left[name] > 0:
            of_name = [value for each, value in fields if each == name]
            left[name] -= 1
            found.append(_relaxed(name, of_name[left[name]]) + b"\r\n")
    return found


def _relaxed(name: str, value: bytes) -> bytes:
    return name.encode() + b":" + value


def _folded(line: str) -> str:
    """Fold behind colons and semicolons; what is signed is the line as it is folded here."""
    lines, last = [], ""
    for piece in re.findall(r"[^:;]+(?:[:;] ?|\Z)", line):
        if last and len(last) + len(piece) > LINE_CHARACTERS:
            lines.append(last.rstrip(" "))
            last = ""
        last += piece
    return "\r\n ".join([*lines, last])
