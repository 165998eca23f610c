"""The bytes of a mail. Text that somebody gives is encoded here and never reaches a parser of header syntax.

`email.policy` reads what is assigned to a header: an encoded word in a subject became a `Bcc:` line or `text/html` on
Python before 3.11.10 (CVE-2024-6923), one in an address another recipient on every Python. So the few lines that our
mails have are written here, and the finished bytes are checked before they go out.
"""

from __future__ import annotations

import re
from base64 import b64encode, encodebytes
from binascii import b2a_qp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

import idna

from opsloop_common.mailboxes import address_flaw, read_mailbox

NAMES = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
ONE_CLICK = ("List-Unsubscribe", "List-Unsubscribe-Post")  # RFC 8058
THREAD = ("Reply-To", "In-Reply-To", "References")  # RFC 5322, 3.6.2 and 3.6.4
CONTENT_TYPE = "text/plain; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
_BOUNDARY = re.compile(r"[0-9a-f-]{1,60}")
_PARTS = re.compile(rf'multipart/alternative; boundary="(?P<boundary>=_{_BOUNDARY.pattern})"')
LINE_BYTES = 78  # RFC 5322, 2.1.1: should not be exceeded
LINE_LIMIT_BYTES = 998  # … must not
WORD_BYTES = 42  # of text in one encoded word, so that the first still fits beside "Subject: "
_SHAPES = frozenset(
    (*NAMES, *ONE_CLICK[:count], *thread) for count in range(3) for thread in ((), THREAD[:1], THREAD[1:], THREAD)
)
_REFERENCE = re.compile(r"(?=.{3,250}\Z)<[!-;=A-~]+@[!-;=A-~]+>")
_ATOMS = re.compile(r"[A-Za-z0-9 -]+")
_VISIBLE = re.compile(r"[ -~]*")
_LINE = re.compile(rb"(?P<name>[A-Za-z-]+): (?P<value>[ -~\x80-\xff]+(?:\r\n [ -~\x80-\xff]+)*)")


@dataclass(frozen=True)
class Thread:
    """What a mail answers: where an answer to it goes, if not to who it is from, and the mails before it, the last one last."""

    reply_to: str | None
    references: Sequence[str]

    def headers(self) -> Iterator[tuple[str, str]]:
        """Return what stands in the mail; what is no Message-ID is left out."""
        if self.reply_to is not None:
            yield THREAD[0], _on_the_wire(self.reply_to)
        if known := [each for each in self.references if _REFERENCE.fullmatch(each)]:
            yield THREAD[1], known[-1]
            yield THREAD[2], "\r\n ".join(known)


class BadMail(ValueError):
    """This mail cannot be written so that it says what is meant and nothing else."""


@dataclass(frozen=True)
class Written:
    """A mail and its envelope: `author` is who it is from, `sender` where it goes when it cannot be delivered."""

    author: str
    sender: str
    recipient: str
    content: bytes

    @property
    def is_international(self) -> bool:
        """Say whether the server must know SMTPUTF8: an address has letters beyond ASCII."""
        return not (self.author + self.sender + self.recipient).isascii()


def write(
    *,
    sender: str,
    recipient: str,
    subject: str,
    body: str,
    id: str,
    sent_at: datetime,
    html: str | None = None,
    unsubscribe: str | None = None,
    returns_to: str | None = None,
    thread: Thread | None = None,
) -> Written:
    """Write a mail from `Name <address>` to one address, as text and as HTML where there is some; the same bytes each time.

    `subject` is one line; line ends of `body` and `html` become CRLF, and they end with one. `unsubscribe` is a link of ours, which
    mail programs show as a button; they post to it by themselves only where it is https. `returns_to` is the address on the envelope,
    that of `sender` where none is given. What has a `thread` is no automatic mail (RFC 3834). Raises BadMail.
    """
    (author, address), recipient = _author(sender), _on_the_wire(recipient)
    kind, encoding, text = _content(body, html, id)
    values = (
        author,
        recipient,
        _unstructured(subject),
        format_datetime(sent_at),
        f"<{id}@{address.rpartition('@')[2]}>",
        "auto-generated" if thread is None else "no",
        "1.0",
        kind,
        encoding,
    )
    links: tuple[str, ...] = () if unsubscribe is None else (f"<{unsubscribe}>", "List-Unsubscribe=One-Click")
    links = links if unsubscribe is None or unsubscribe.startswith("https://") else links[:1]
    before = () if thread is None else thread.headers()
    lines = (*zip(NAMES, values, strict=True), *zip(ONE_CLICK, links, strict=False), *before)
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    back = address if returns_to is None else _on_the_wire(returns_to)
    written = Written(address, back, recipient, head.encode() + b"\r\n" + text)
    require_ours(written)
    return written


@lru_cache(maxsize=16)  # a deployment has few senders, and reading an address takes as long as all the rest of a mail
def _author(sender: str) -> tuple[str, str]:
    """Return what stands in From, and the address alone."""
    name, plain = read_mailbox(sender)
    address = _on_the_wire(plain)
    return f"{_phrase(name)} <{address}>" if name else address, address


def _on_the_wire(address: str) -> str:
    if address_flaw(address) is not None:
        raise BadMail("the address is not a plain one")
    local, _, domain = address.rpartition("@")
    try:
        return address if domain.isascii() else f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise BadMail("the address has a domain that cannot exist") from error


def encoded_words(text: str) -> str:
    """Return text as encoded words (RFC 2047), folded; whatever it holds, they hold nothing but letters and signs."""
    return "\r\n ".join(f"=?utf-8?b?{b64encode(piece).decode()}?=" for piece in _pieces(text))


def _pieces(text: str) -> Iterator[bytes]:
    piece = b""
    for char in text:
        encoded = char.encode()
        if len(piece) + len(encoded) > WORD_BYTES:
            yield piece
            piece = b""
        piece += encoded
    yield piece


def _unstructured(text: str) -> str:
    is_plain = _VISIBLE.fullmatch(text) and "=?" not in text and text == text.strip(" ")
    return text if is_plain and 0 < len(text) <= LINE_BYTES - len("Subject: ") else encoded_words(text)


def _phrase(name: str) -> str:
    return name if _ATOMS.fullmatch(name) and len(name) <= WORD_BYTES else encoded_words(name)


def _content(body: str, html: str | None, id: str) -> tuple[str, str, bytes]:
    """Return type, transfer encoding and bytes of what a mail says; the last of several parts is the one that is shown."""
    encoding, text = _encoded_body(body)
    if html is None:
        return CONTENT_TYPE, encoding, text
    if not _BOUNDARY.fullmatch(id):
        raise BadMail("the mail has an id that divides no parts")
    boundary = f"=_{id}"  # stands in neither transfer encoding
    parts = b""
    for kind, (how, content) in ((CONTENT_TYPE, (encoding, text)), (HTML_TYPE, _encoded_body(html))):
        head = f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {how}\r\n\r\n"
        parts += head.encode() + content + b"\r\n"
    return f'multipart/alternative; boundary="{boundary}"', "7bit", parts + f"--{boundary}--\r\n".encode()


def _encoded_body(body: str) -> tuple[str, bytes]:
    lines = body.replace("\r\n", "\n").replace("\r", "\n")
    text = (lines if lines.endswith("\n") else f"{lines}\n").replace("\n", "\r\n").encode()
    readable = b2a_qp(text, quotetabs=False, istext=True, header=False)
    opaque = encodebytes(text).replace(b"\n", b"\r\n")
    return ("quoted-printable", readable) if len(readable) <= len(opaque) else ("base64", opaque)


def require_ours(written: Written) -> None:
    """Read the finished bytes as a mail program would and raise BadMail unless they have our headers and nothing else."""
    head, found, body = written.content.partition(b"\r\n\r\n")
    if not found or b"\0" in written.content or re.search(rb"\r(?!\n)|(?<!\r)\n", written.content):
        raise BadMail("the mail has a line end that is none")
    if any(len(line) > LINE_LIMIT_BYTES for line in written.content.split(b"\r\n")):
        raise BadMail("the mail has a line that is too long")
    lines = [_LINE.fullmatch(line) for line in re.split(rb"\r\n(?! )", head)]
    values = {line["name"].decode(): line["value"].decode() for line in lines if line is not None}
    if len(lines) != len(values) or tuple(values) not in _SHAPES:
        raise BadMail("the mail has other headers than ours")
    author = values["From"]
    if values["To"] != written.recipient or not (author == written.author or author.endswith(f" <{written.author}>")):
        raise BadMail("the mail names others than its envelope")
    if not _is_of_our_type(values["Content-Type"], body) or not re.fullmatch(rb"[\t\r\n -~]*", body):
        raise BadMail("the mail is of another type than ours")


def _is_of_our_type(kind: str, body: bytes) -> bool:
    """Say whether it is text, or two parts, text and HTML, that are divided where we divide them and nowhere else."""
    if kind == CONTENT_TYPE:
        return True
    if (found := _PARTS.fullmatch(kind)) is None:
        return False
    mark = f"--{found['boundary']}".encode()
    *parts, last = body.split(mark)
    heads = [part.partition(b"\r\nContent-Transfer-Encoding: ")[0] for part in parts]
    ours = [b"", *(f"\r\nContent-Type: {one}".encode() for one in (CONTENT_TYPE, HTML_TYPE))]
    return heads == ours and last == b"--\r\n"
