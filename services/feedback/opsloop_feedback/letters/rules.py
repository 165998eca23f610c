"""What a mail says besides its words: whether somebody wrote it at all, to what it answers, and where what they quote begins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

REFERENCES = 50
"""Message-IDs that a mail answers, the nearest ones."""
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,250})>")
_BULK = frozenset({"bulk", "list", "junk", "auto_reply", "auto-reply"})
_SAYS_SO = ("x-autoreply", "x-autorespond", "x-auto-response-suppress", "x-loop", "list-id", "feedback-id")
_NOBODY = re.compile(r"(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+=-][^@]*)?@", re.IGNORECASE)
_ANSWERS = re.compile(r"(\s*(re|aw|sv|antw|回复|答复|回覆|答覆|返信)\s*(\[\d+\])?\s*[:：])+", re.IGNORECASE)
_FORWARDS = re.compile(r"\s*(fwd?|wg|tr|转发|轉寄|转寄|転送)\s*[:：]", re.IGNORECASE)
_LINE_CHARACTERS = 300  # that are looked at; what says where a quote begins is shorter
_BEGINS_QUOTE = re.compile(
    r"\s*[-_=]{2,}\s*((回复的)?原始?(邮件|信息)|原始郵件|(begin )?forwarded message|original message|转发的?邮件)[^-_=]{0,40}[-_=]{2,}\s*"
    r"|\s*[>\s]*(在|于|於)\s?(20\d\d|\d{1,2})[^:：]{0,120}.{0,120}(写道|寫道|写到)\s?[:：]\s*"
    r"|\s*[>\s]*on\s[^\n]{5,200}\swrote:\s*",
    re.IGNORECASE,
)
_FROM_LINE = re.compile(r"\s*\**(发件人|寄件者|寄件人|from)\**\s?[:：]", re.IGNORECASE)
_HEAD_LINE = re.compile(
    r"\s*\**(发送时间|日期|收件人|抄送|主题|寄件日期|傳送時間|收件者|主旨|sent|date|to|cc|subject)\**\s?[:：]",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"\s*(-- ?|(发自|發自|来自|來自)我的.{1,40}|从.{1,20}发送|sent from my .{1,40}|get outlook for .{1,40}|获取\s?outlook.{0,40})\s*",
    re.IGNORECASE,
)
_KANA, _HANGUL, _HAN = re.compile(r"[\u3041-\u30ff]"), re.compile(r"[\uac00-\ud7a3]"), re.compile(r"[\u4e00-\u9fff]")
_TRADITIONAL = frozenset("們這個來說時為國會過還沒對後電話發問題請謝應該開關無法買賣")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


def automatic(headers: Mapping[str, str], *, sender: str | None, own: Sequence[str] = ()) -> str | None:
    """Say why nobody wrote a mail, or None: answers of machines, bounces, lists, and what we sent ourselves (RFC 3834, 5230).

    `headers` by their names in lower case; `own`: addresses that are ours.
    """
    submitted = headers.get("auto-submitted", "no").partition(";")[0].strip().lower()
    if submitted not in ("no", ""):
        return "auto_submitted"
    if headers.get("return-path", "").strip() == "<>":
        return "null_sender"
    if headers.get("content-type", "").strip().lower().startswith("multipart/report"):
        return "report"
    if headers.get("precedence", "").strip().lower() in _BULK:
        return "precedence"
    if any(name in headers for name in _SAYS_SO):
        return "sent_by_a_program"
    if sender is not None and _NOBODY.match(sender):
        return "nobody"
    if sender is not None and sender.lower() in {address.lower() for address in own}:
        return "loop"
    return None


def message_ids(text: str) -> list[str]:
    """Return the Message-IDs in the text of a header, without their brackets, in order and each once."""
    return list(dict.fromkeys(_MESSAGE_ID.findall(text[:20_000])))


def answered(headers: Mapping[str, str]) -> list[str]:
    """Return the Message-IDs that a mail answers, the nearest first."""
    near = message_ids(headers.get("in-reply-to", ""))
    far = reversed(message_ids(headers.get("references", "")))
    return list(dict.fromkeys([*near, *far]))[:REFERENCES]


def subject_of(text: str) -> str | None:
    """Return a subject without what programs put before it when they answer; None when nothing is left."""
    plain = " ".join(text.split())
    return _ANSWERS.sub("", plain, count=1).strip() or None


def is_forwarded(subject: str) -> bool:
    """Say whether a mail hands on another: then what it quotes is what it says."""
    return _FORWARDS.match(subject) is not None


def without_quotes(text: str) -> str:
    """Return what somebody wrote above what they quote, and without the line that their program signs with.

    Lines are looked at one by one, so the time grows with the text alone.
    """
    lines = text.split("\n")
    end = next((at for at in range(len(lines)) if _begins_quote(lines, at)), len(lines))
    kept = lines[:end]
    while kept and (kept[-1].lstrip().startswith(">") or not kept[-1].strip()):
        kept.pop()
    return without_signature("\n".join(kept)) or text.strip()


def without_signature(text: str) -> str:
    """Return a text up to the line `-- ` (RFC 3676), or the one by which a telephone signs."""
    lines = text.split("\n")
    end = next((at for at in range(1, len(lines)) if _SIGNED.fullmatch(lines[at][:_LINE_CHARACTERS])), len(lines))
    return "\n".join(lines[:end]).strip()


def _begins_quote(lines: Sequence[str], at: int) -> bool:
    line = lines[at][:_LINE_CHARACTERS]
    if _BEGINS_QUOTE.fullmatch(line):
        return True
    if at + 1 < len(lines) and line.lstrip("> ").lower().startswith(
        ("on ", "在", "于")
    ):  # broken in two by its program
        return _BEGINS_QUOTE.fullmatch(f"{line.rstrip()} {lines[at + 1][:_LINE_CHARACTERS].lstrip('> ')}") is not None
    return _FROM_LINE.match(line) is not None and any(
        _HEAD_LINE.match(other[:_LINE_CHARACTERS]) for other in lines[at + 1 : at + 5]
    )


def locale_of(said: str | None, text: str) -> str | None:
    """Return the language of a mail: as it says itself, else by the script of its words; None when neither tells."""
    tag = (said or "").partition(",")[0].strip()
    if _TAG.fullmatch(tag):
        return tag
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    if _HAN.search(text):
        return "zh-TW" if len(_TRADITIONAL & set(text)) > 1 else "zh-CN"
    return None
