"""Reads one mail: `python -m opsloop_feedback.letters.reading` takes its bytes and writes what it says.

Parsers of mail, HTML and quotes meet text of strangers here, some by expressions that such text can hold for hours. So this is a process
of its own, with bounds of the system's: what it cannot read in time, or in memory, nobody reads.
"""

from __future__ import annotations

import email
import json
import resource
import signal
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml import html as markup
from mailparser_reply.parser import EmailMessage

from opsloop_common.foreign import readable
from opsloop_common.limits import ATTACHMENT_BYTES, ATTACHMENTS_PER_MESSAGE, MAIL_READ_SECONDS
from opsloop_common.mailboxes import address_flaw
from opsloop_feedback.letters import rules

MEMORY_BYTES = 1024 * 1024 * 1024
CHARACTERS = 50_000
HTML_CHARACTERS = 2_000_000
ADDRESSES = 50
_PARTS = 200
_REPLY_CHARACTERS = 8_000
_REPLY_SECONDS = 1.0
_LANGUAGES = ["zh", "en", "ja", "ko", "de", "fr"]
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030", "iso-2022-jp": "iso2022_jp_ext",
          "shift_jis": "cp932", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "big5": "big5hkscs", "us-ascii": "utf-8"}  # fmt: skip
"""What a charset is really meant to be: programs name the smaller one, and write the larger."""
_QUOTES = "//blockquote[@type='cite'] | //*[contains(@class, 'gmail_quote')] | //*[@id='divRplyFwdMsg'] | //*[@id='isReplyContent']"


def read(raw: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Return what a mail says as a document, and its files; raises whatever the parsers do."""
    mail = email.message_from_bytes(raw)
    headers = {name.lower(): _header(value) for name, value in reversed([*mail.raw_items()])}
    sender = next(iter(_addresses(mail, "from", "sender")), None)
    parts = list(_leaves(mail))
    text, files = _text(parts), _files(parts)
    subject = headers.get("subject", "")
    is_answer = bool(rules.answered(headers)) and not rules.is_forwarded(subject)
    said = _reply(text) if is_answer else rules.without_signature(text)
    return {
        "message_id": next(iter(rules.message_ids(headers.get("message-id", ""))), None),
        "answers": rules.answered(headers),
        "automatic": rules.automatic(headers, sender=sender and sender[1]),
        "from_name": sender and sender[0],
        "from_address": sender and sender[1],
        "to": [address for _, address in _addresses(mail, "to", "cc", "delivered-to", "x-original-to", "envelope-to")],
        "subject": rules.subject_of(subject),
        "said_at": _date(headers.get("date", "")),
        "locale": rules.locale_of(headers.get("content-language"), f"{subject}\n{said}"),
        "text": said[:CHARACTERS],
        "is_cut": len(said) > CHARACTERS,
        "files": [{"name": name, "media_type": kind, "size": len(data)} for name, kind, data in files],
    }, [data for _, _, data in files]


def _header(value: object) -> str:
    line = _legible(value).replace("\r", "").replace("\n", " ")[:40_000]
    pieces = []
    for text, charset in readable(decode_header, line) or [
        (line, None)
    ]:  # one that is written badly says what stands there
        pieces.append(_decoded(text, charset) if isinstance(text, bytes) else text)
    return _plain("".join(pieces))


def _legible(value: object) -> str:
    """Return a header as text, also one whose program wrote it in a charset without saying so."""
    text = str(value)
    return text if text.isascii() else _decoded(text.encode("utf-8", "surrogateescape"), None)


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _decoded(data: bytes, charset: str | None) -> str:
    named = (charset or "utf-8").strip("\"' ").lower()
    for each in (_WIDER.get(named, named), "utf-8", "gb18030"):
        text = readable(data.decode, each)
        if text is not None:
            return text
    return data.decode("utf-8", "replace")


def _addresses(mail: Message, *names: str) -> Iterator[tuple[str, str]]:
    given = [*mail.raw_items()]
    values = [_legible(value)[:40_000] for name in names for key, value in given if key.lower() == name]
    for name, address in getaddresses(values)[:ADDRESSES]:
        plain = address.strip()
        if address_flaw(plain) is None:
            yield " ".join(_header(name).split())[:200], plain


def _leaves(mail: Message) -> Iterator[Message]:
    left = _PARTS
    for part in mail.walk():
        if not part.is_multipart() and left > 0:
            left -= 1
            yield part


def _is_file(part: Message) -> bool:
    named = part.get_content_disposition() == "attachment" or part.get_filename() is not None
    return named or part.get_content_maintype() != "text" or part.get_content_subtype() not in ("plain", "html")


def _text(parts: list[Message]) -> str:
    plain = "\n".join(_content(part) for part in parts if not _is_file(part) and part.get_content_subtype() == "plain")
    if plain.strip():
        return plain.replace("\r\n", "\n").replace("\r", "\n").strip()
    return "\n".join(_of_html(_content(part)) for part in parts if not _is_file(part)).strip()


def _content(part: Message) -> str:
    data = part.get_payload(decode=True)
    charset = part.get_param("charset")
    return _plain(_decoded(data, charset if isinstance(charset, str) else None)) if isinstance(data, bytes) else ""


def _of_html(source: str) -> str:
    if not source.strip():
        return ""
    parser = markup.HTMLParser(encoding="utf-8")
    root = readable(lambda: markup.fromstring(source[:HTML_CHARACTERS].encode(), parser=parser))
    if root is None:  # of comments alone, for one
        return ""
    for quote in root.xpath(_QUOTES):
        quote.drop_tree()
    cleaned = markup.tostring(root, encoding="unicode")
    return get_text(cleaned, ParserConfig(css=CSS_PROFILES["strict"])) if cleaned.strip() else ""


def _files(parts: list[Message]) -> list[tuple[str | None, str, bytes]]:
    found: list[tuple[str | None, str, bytes]] = []
    for part in parts:
        data = part.get_payload(decode=True) if _is_file(part) else None
        if isinstance(data, bytes) and 0 < len(data) <= ATTACHMENT_BYTES and len(found) < ATTACHMENTS_PER_MESSAGE:
            name = part.get_filename()
            found.append((_header(name)[:500] if name else None, part.get_content_type(), data))
    return found


def _date(text: str) -> str | None:
    said = readable(parsedate_to_datetime, text)
    if said is None:
        return None
    return readable(lambda: (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC).isoformat())


def _reply(text: str) -> str:
    """Return what is new in an answer: by our own rules, and by a library that knows more programs, if it answers in time."""
    ours = rules.without_quotes(text)
    if len(ours) > _REPLY_CHARACTERS:
        return ours
    try:
        with _within(_REPLY_SECONDS):
            theirs = EmailMessage(text=ours, languages=list(_LANGUAGES), keep_hyphen_lists=True).read().replies[0].body
    except TimeoutError:
        return ours
    return str(theirs).strip() or ours


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    def late(_signal: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bound() -> None:
    """Let this process have so much memory and time, and no more."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    seconds = int(MAIL_READ_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def written(document: Mapping[str, Any], files: list[bytes]) -> Iterator[bytes]:
    """Yield a document and files as the process that asked reads them: the length of the document, itself, the files."""
    head = json.dumps(document).encode()
    yield struct.pack("!I", len(head)) + head
    yield from files


def main() -> None:
    """Read what comes in."""
    bound()
    document, files = read(sys.stdin.buffer.read())
    for piece in written(document, files):
        sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    main()
