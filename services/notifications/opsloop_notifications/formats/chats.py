"""The messages of four chats, as their bots take them: Slack, Feishu, DingTalk, WeCom."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from opsloop_notifications.formats import sentences
from opsloop_notifications.formats.texts import cut, cut_bytes, without_markup
from opsloop_notifications.formats.words import Language, Message, in_words

SLACK_HEADER, SLACK_TEXT = 150, 3_000
"""Characters of a header, and of the text of a section; a message may have 40,000."""
FEISHU_BYTES = 20 * 1024
"""Of the whole body."""
FEISHU_TEXT_BYTES = 6_000
"""Of the text in it, each of whose bytes JSON may write as two."""
MARKDOWN_BYTES = 4_096
"""Of WeCom's Markdown. DingTalk takes 20,000 of a body, and shows no more than about as much."""
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LINK_SAFE = "%/:?#=&+,;@!$'~.-_"
_FEISHU_COLOURS = {"critical": "red", "error": "red", "warning": "orange", "info": "blue"}


def slack(message: Message, language: Language) -> dict[str, Any]:
    """Return an incoming webhook's message. What others wrote stands in plain text, where nothing is a mention, a link or a format."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(cut(message.title, SLACK_HEADER))},
        {"type": "section", "text": _plain(cut("\n".join((message.title, *message.lines)), SLACK_TEXT))},
    ]
    if message.link is not None:
        open_it = f"<{_safe(message.link).translate(_SLACK)}|{in_words(sentences.OPEN, language)}>"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": open_it}})
    return {"text": message.title.translate(_SLACK), "mrkdwn": False, "blocks": blocks}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def feishu(message: Message, language: Language, *, secret: str | None, seconds: int) -> dict[str, Any]:
    """Return a card, signed when the bot has a secret. All of it is plain text, so that nothing in it is a mention or a link."""
    text = cut_bytes("\n".join(message.lines), FEISHU_TEXT_BYTES)
    elements: list[dict[str, Any]] = [{"tag": "div", "text": {"tag": "plain_text", "content": text}}]
    if message.link is not None:
        words = {"tag": "plain_text", "content": in_words(sentences.OPEN, language)}
        button = {"tag": "button", "text": words, "type": "default", "url": message.link}
        elements.append({"tag": "action", "actions": [button]})
    colour = "green" if message.action == "resolve" else _FEISHU_COLOURS[message.severity]
    header = {"title": {"tag": "plain_text", "content": message.title}, "template": colour}
    card = {"config": {"wide_screen_mode": True}, "header": header, "elements": elements}
    body: dict[str, Any] = {"msg_type": "interactive", "card": card}
    if secret is not None:
        body = {"timestamp": str(seconds), "sign": feishu_sign(secret, seconds)} | body
    return body


def feishu_sign(secret: str, seconds: int) -> str:
    """Return Feishu's signature: time and secret are the key, and nothing is signed."""
    return _signed(f"{seconds}\n{secret}".encode(), b"")


def dingtalk(message: Message, language: Language) -> dict[str, Any]:
    """Return a message in Markdown, of which what others wrote is none. It mentions nobody."""
    title = without_markup(message.title)
    text = _markdown(message, language, between="\n\n")
    return {"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": {"isAtAll": False}}


def dingtalk_query(secret: str, milliseconds: int) -> Mapping[str, str]:
    """Return what is added to the address of a bot that has a secret."""
    sign = _signed(secret.encode(), f"{milliseconds}\n{secret}".encode())
    return {"timestamp": str(milliseconds), "sign": sign}


def wecom(message: Message, language: Language) -> dict[str, Any]:
    """Return a message in Markdown, of which what others wrote is none."""
    return {"msgtype": "markdown", "markdown": {"content": _markdown(message, language, between="\n")}}


def _markdown(message: Message, language: Language, *, between: str) -> str:
    link = "" if message.link is None else f"{between}[{in_words(sentences.OPEN, language)}]({_safe(message.link)})"
    title = f"**{without_markup(message.title)}**"
    lines = between.join(f"> {without_markup(line)}" for line in message.lines)
    return cut_bytes(f"{title}{between}{lines}", MARKDOWN_BYTES - len(link.encode())) + link


def _safe(link: str) -> str:
    """Return a link without what would end it, or begin another, inside of markup."""
    return quote(link, safe=_LINK_SAFE)


def _signed(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
