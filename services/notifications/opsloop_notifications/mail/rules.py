"""What fits into a mail's header, and what a mail server's answer means. Pure."""

from __future__ import annotations

import re

from opsloop_common.faults import storable

# marks that turn the order of what follows would turn the reader's own list of mails too; joiners and selectors make one sign of many
_TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_STATE = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")  # RFC 3463
TOO_BIG = 552
SIGN_IN = frozenset({530, 534, 535, 538})
"""The server wants to know who we are first (RFC 4954, RFC 3207)."""
OF_THE_SESSION = frozenset(
    # full, closed, misconfigured; over our quota; we, not a recipient, may not send or have not signed in
    {"5.3.1", "5.3.2", "5.3.5", "5.4.5", "5.1.7", "5.1.8", "5.7.8", "5.7.9", "5.7.57", "5.7.60"}
)
OF_THE_MAIL = frozenset({"5.2.3", "5.3.4", "5.6.0", "5.6.1", "5.6.3", "5.6.6", "5.6.7", "5.6.9"})
"""Too big, or something in it cannot be taken."""


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


def refuses(code: int) -> bool:
    """Say whether an answer is a refusal for good: 5xx. What is no answer of the protocol may pass."""
    return 500 <= code < 600


def is_of_the_session(code: int, answer: str, *, names_somebody: bool) -> bool:
    """Say whether a refusal is about us, so that the next mail would meet it too, not about this mail or who is to get it.

    Before a recipient is named, with the greeting, the sign-in or the sender, it can hardly be about anybody else.
    """
    found = _STATE.match(answer)
    state = found[1] if found else ""
    if not refuses(code):
        return False
    if names_somebody:
        return code in SIGN_IN or state in OF_THE_SESSION
    return code != TOO_BIG and state not in OF_THE_MAIL


def hold_seconds(refusals: int) -> int:
    """Return how long mail waits after so many refused sessions in a row: 30 s, twice as long each time, 15 min at most."""
    return int(min(30 * 2 ** min(refusals - 1, 10), 900))
