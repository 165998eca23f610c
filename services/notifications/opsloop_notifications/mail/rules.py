"""What fits into a mail's header, and what a mail server's answer means. Pure."""

from __future__ import annotations

import re

from opsloop_common.faults import storable

# marks that turn the order of what follows would turn the reader's own list of mails too; joiners and selectors make one sign of many
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_STATE = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")  # RFC 3463
TOO_BIG = 552
_OF_ONE = re.compile(r"[45]\.(?:1\.(?:[1-6]|10)|2\.\d{1,3}|3\.4|6\.\d{1,3})")
"""What RFC 3463 says of one destination, its mailbox, or this mail's size and content."""
_NO_MAILBOX = re.compile(r"5\.1\.(?:[1236]|10)|5\.2\.1")
"""What it says of a destination that is not there: no such mailbox or domain, no mail taken, moved without an address, disabled."""


def one_line(text: str) -> str:
    """Return text fit for a mail header: line breaks and control characters become spaces, all else stays as it is."""
    return _GAPS.sub(" ", _TURNS.sub("", text)).strip()


def readable(answer: str) -> str:
    """Return a server's words, of which bytes that are no UTF-8 came as halves of surrogates, as one line that can be stored.

    They are read as GB 18030 where that can be, and else stand as replacement characters.
    """
    said = answer.encode("utf-8", "surrogateescape")
    for encoding in ("utf-8", "gb18030"):
        try:
            return one_line(storable(said.decode(encoding)))
        except UnicodeDecodeError:
            continue
    return one_line(storable(said.decode("utf-8", "replace")))


def status_of(code: int, answer: str) -> str:
    """Return an answer's status alone, as `550 5.4.5`: the words may name somebody."""
    found = _STATE.match(answer)
    return f"{code} {found[1]}" if found else str(code)


def is_answer(code: int) -> bool:
    """Say whether a code says no in SMTP: 4xx or 5xx. Anything else, where success has another code, is out of step."""
    return 400 <= code < 600


def refuses(code: int) -> bool:
    """Say whether an answer is a refusal for good: 5xx. What is no answer of the protocol may pass."""
    return 500 <= code < 600


def names_the_mail(code: int, answer: str) -> bool:
    """Say whether an answer is by its status about one recipient or one mail; where it is not, it may as well be about us."""
    found = _STATE.match(answer)
    return code == TOO_BIG or (found is not None and _OF_ONE.fullmatch(found[1]) is not None)


def bounces(status: str) -> bool:
    """Say whether a status, as `status_of` gives it, says that there is no such mailbox: mail to it will never arrive."""
    code, _, state = status.partition(" ")
    return refuses(int(code)) and _NO_MAILBOX.fullmatch(state) is not None if code.isdigit() else False


def hold_seconds(refusals: int) -> int:
    """Return how long mail waits after so many refused sessions in a row: 30 s, twice as long each time, 15 min at most."""
    return int(min(30 * 2 ** min(refusals - 1, 10), 900))
