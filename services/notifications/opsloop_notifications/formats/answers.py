"""What a bot's answer means: each says in its own way that it took a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from opsloop_common.documents import read_document
from opsloop_common.foreign import readable
from opsloop_notifications.formats.texts import cut, one_line

REFUSED, TOO_FAST = "refused", "too_fast"
"""The bot's own words inside a 200 are no success; those that it gets too much."""
MINUTE = timedelta(minutes=1)
TEN_MINUTES = timedelta(minutes=10)
WORDS = 300
TOO_MANY_REQUESTS = 429
ACCEPTED = 202
_CODES = {"feishu": ("code", "StatusCode"), "dingtalk": ("errcode",), "wecom": ("errcode",)}
_WORDS = {"feishu": ("msg", "StatusMessage"), "dingtalk": ("errmsg",), "wecom": ("errmsg",)}
_TOO_FAST = {
    "feishu": {11232: MINUTE},
    # what is too much closes it for so long; -1 is a fault of their own that passes
    "dingtalk": {130101: TEN_MINUTES, 660026: TEN_MINUTES, -1: MINUTE},
    "wecom": {45009: MINUTE, 45033: MINUTE, -1: MINUTE},
}


@dataclass(frozen=True)
class Verdict:
    """What came of a call: None is success; why not, in the bot's words, and how long to leave it alone."""

    failure: str | None
    detail: str | None = None
    wait: timedelta | None = None


def judge(format: str, status: int, body: str | None) -> Verdict | None:
    """Return what a bot's answer means; None when its status says all that there is."""
    said = one_line(body or "")
    if status == TOO_MANY_REQUESTS:
        return Verdict(TOO_FAST, cut(said, WORDS) or None, MINUTE)
    if not 200 <= status < 300:
        return None
    if format in _CODES:
        return _by_code(format, said)
    if format == "teams":
        return _of_teams(status, said)
    is_taken = status == ACCEPTED if format == "pagerduty" else said == "ok"
    return Verdict(None) if is_taken else Verdict(REFUSED, cut(said, WORDS) or "The answer says nothing.")


def _of_teams(status: int, said: str) -> Verdict:
    """Return what a workflow's answer means, which is 202; connectors of before say 1, or what went wrong, inside a 200."""
    if status == ACCEPTED or said in ("1", ""):
        return Verdict(None)
    detail = cut(said, WORDS)
    return Verdict(TOO_FAST, detail, MINUTE) if str(TOO_MANY_REQUESTS) in said else Verdict(REFUSED, detail)


def _by_code(format: str, said: str) -> Verdict:
    found: Any = readable(read_document, said)
    answer = found if isinstance(found, dict) else {}
    code = next((answer[name] for name in _CODES[format] if name in answer), None)
    if isinstance(code, bool) or not isinstance(code, int):
        return Verdict(REFUSED, f"No answer of such a bot: {cut(said, WORDS)}")
    if code == 0:
        return Verdict(None)
    words = next((answer[name] for name in _WORDS[format] if isinstance(answer.get(name), str)), "")
    detail = f"{code}: {cut(one_line(words), WORDS)}"
    wait = _TOO_FAST[format].get(code)
    return Verdict(REFUSED, detail) if wait is None else Verdict(TOO_FAST, detail, wait)
