"""Reads what mailboxes get back: delivery status notifications (RFC 3464, 6533) and feedback reports (RFC 5965).

No parser of mails is asked: heads and parts are cut here, each once and not within each other, so that parts nested by the thousand
cost nothing. What the text of a mail says is never looked at.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from quopri import decodestring

from opsloop_common.faults import storable
from opsloop_common.foreign import readable
from opsloop_notifications.bounces import rules
from opsloop_notifications.bounces.rules import Fate, Kind, Source
from opsloop_notifications.mail.rules import one_line

HEAD_BYTES = 64 * 1024
PART_BYTES = 64 * 1024
PARTS = 10
RECIPIENTS = 50
TYPE_CHARACTERS = 1_000
_DELIVERY = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED = frozenset(
    {"message/rfc822", "message/global", "message/rfc822-headers", "text/rfc822-headers", "message/global-headers"}
)
_FEEDBACK = "message/feedback-report"
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"(?P<quoted>[^"]{1,200})"|(?P<bare>[^\s;"]{1,200}))', re.IGNORECASE)

Fields = Mapping[str, str]
"""The lines of a head by their names in small letters, unfolded; of several of one name the first."""


@dataclass(frozen=True)
class Read:
    """A report, and the heads in which the mail that it is about may be named."""

    source: Source
    kind: Kind
    state: str | None
    detail: str | None
    named: str


@dataclass(frozen=True)
class _Part:
    head: str
    fields: Fields
    body: bytes

    @property
    def type(self) -> str:
        return self.fields.get("content-type", "text/plain").partition(";")[0].strip().lower()

    @property
    def boundary(self) -> str | None:
        found = _BOUNDARY.search(self.fields.get("content-type", "")[:TYPE_CHARACTERS])
        return None if found is None else found["quoted"] or found["bare"]

    @property
    def text(self) -> str:
        match self.fields.get("content-transfer-encoding", "").strip().lower():
            case "base64":
                body = b64decode(self.body[: 2 * PART_BYTES])
            case "quoted-printable":
                body = decodestring(self.body[: 2 * PART_BYTES])
            case _:
                body = self.body
        return body[:PART_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")


def read(raw: bytes) -> Read | None:
    """Return what a mail reports, None where it is no report, says nothing of a failure, or cannot be read."""
    return readable(_read, raw)


def _read(raw: bytes) -> Read | None:
    text = raw.replace(b"\r\n", b"\n").lstrip(b"\n")
    if text.startswith(b"From "):  # as mailboxes keep it
        text = text.partition(b"\n")[2]
    mail = _part(text)
    parts = list(_parts(mail))
    named = "\n".join([mail.head, *(_named(part) for part in parts)])
    for part in parts:
        if part.type in _DELIVERY:
            return _delivery(part, named)
        if part.type == _FEEDBACK:
            return _feedback(part, named)
    return None


def _delivery(part: _Part, named: str) -> Read | None:
    blocks = re.split(r"\n[ \t]*\n", part.text.strip(), maxsplit=RECIPIENTS)[:RECIPIENTS]
    fates = [_fate(fields) for fields in map(_fields, blocks) if "action" in fields]
    kind = rules.kind_of(fates)
    if kind is None:
        return None
    failed = next(fate for fate in fates if fate.is_failed)
    return Read(Source.DSN, kind, failed.state, _told(failed.diagnostic) or _told(failed.status), named)


def _feedback(part: _Part, named: str) -> Read | None:
    said = _fields(part.text).get("feedback-type", "")
    return Read(Source.ARF, Kind.COMPLAINT, None, _told(said), named) if rules.is_complaint(said) else None


def _part(text: bytes) -> _Part:
    head, _, body = (b"", b"", text[1:]) if text.startswith(b"\n") else text.partition(b"\n\n")
    lines = head[:HEAD_BYTES].decode("utf-8", "replace")
    return _Part(lines, _fields(lines), body)


def _fields(head: str) -> Fields:
    found: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]+", " ", head).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _parts(mail: _Part) -> Iterator[_Part]:
    boundary = mail.boundary
    if boundary is None or mail.type != "multipart/report":
        return
    mark = re.compile(rb"\n--" + re.escape(boundary.encode()) + rb"(?P<end>--)?[ \t]*(?=\n|\Z)")
    body, begun = b"\n" + mail.body, None
    for number, found in enumerate(mark.finditer(body)):
        if begun is not None:
            yield _part(body[begun : found.start()])
        begun = found.end() + 1
        if found["end"] or number >= PARTS:
            return
    if begun is not None:  # cut off: what is there counts
        yield _part(body[begun:])


def _named(part: _Part) -> str:
    """Return where a part may name the mail that it is about: the fields of a report, the head of what came back."""
    if part.type in _RETURNED:
        return part.text.lstrip("\n").partition("\n\n")[0]
    return part.text if part.type == _FEEDBACK or part.type in _DELIVERY else ""


def _fate(fields: Fields) -> Fate:
    return Fate(fields["action"], fields.get("status", ""), fields.get("diagnostic-code", ""))


def _told(text: str) -> str | None:
    return one_line(storable(text[: rules.DETAIL_CHARACTERS])) or None
