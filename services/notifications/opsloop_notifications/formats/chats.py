"""The messages of five chats, as their bots take them: Slack, Teams, Feishu, DingTalk, WeCom."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from opsloop_notifications.formats import sentences
from opsloop_notifications.formats.texts import cut, cut_bytes, without_markup
from opsloop_notifications.formats.words import Button, Language, Message, in_words

SLACK_HEADER, SLACK_TEXT = 150, 3_000
"""Characters of a header, and of the text of a section; a message may have 40,000."""
FEISHU_BYTES = 20 * 1024
"""Of the whole body."""
FEISHU_TEXT_BYTES = 6_000
"""Of the text in it, each of whose bytes JSON may write as two."""
MARKDOWN_BYTES = 4_096
"""Of WeCom's Markdown. DingTalk takes 20,000 of a body, and shows no more than about as much."""
BUTTON_WORDS = 75
TEAMS_TEXT_BYTES = 12_000
"""Of 28 KB that a card may take, each of whose bytes JSON may write as two."""
WECOM_TITLE, WECOM_TEXT, WECOM_JUMP = 64, 400, 13
"""Characters of a card."""
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
    if message.mention is not None:
        blocks.insert(1, {"type": "section", "text": {"type": "mrkdwn", "text": f"<@{message.mention}>"}})
    if message.buttons:
        elements = [
            {"type": "button", "text": _plain(cut(button.words, BUTTON_WORDS)), "url": button.url}
            for button in message.buttons
        ]
        blocks.append({"type": "actions", "elements": elements})
    return {"text": message.title.translate(_SLACK), "mrkdwn": False, "blocks": blocks}


def teams(message: Message, language: Language) -> dict[str, Any]:
    """Return an Adaptive Card, as workflows of Teams take it. What others wrote stands in runs of text, which know no Markdown."""
    lines = cut_bytes("\n\n".join(message.lines), TEAMS_TEXT_BYTES)
    body = [_runs(message.title, weight="Bolder", size="Medium")]
    body += [_runs(line) for line in lines.split("\n\n") if line]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if message.mention is not None:
        text = f"<at>{message.mention}</at>"
        body.insert(1, {"type": "TextBlock", "text": text, "wrap": True})
        mentioned = {"id": message.mention, "name": message.mention}
        card["msteams"] = {"entities": [{"type": "mention", "text": text, "mentioned": mentioned}]}
    if actions := [
        {"type": "Action.OpenUrl", "title": button.words, "url": button.url} for button in _all(message, language)
    ]:
        card["actions"] = actions
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _runs(text: str, **look: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}


def _all(message: Message, language: Language) -> list[Button]:
    """Return the buttons of a message, the one that opens its link first."""
    if message.link is None:
        return list(message.buttons)
    return [Button(in_words(sentences.OPEN, language), message.link), *message.buttons]


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def feishu(message: Message, language: Language, *, secret: str | None, seconds: int) -> dict[str, Any]:
    """Return a card, signed when the bot has a secret. All of it is plain text, so that nothing in it is a mention or a link."""
    text = cut_bytes("\n".join(message.lines), FEISHU_TEXT_BYTES)
    elements: list[dict[str, Any]] = [{"tag": "div", "text": {"tag": "plain_text", "content": text}}]
    if message.mention is not None:
        called = {"tag": "lark_md", "content": f"<at id={message.mention}></at>"}
        elements.insert(0, {"tag": "div", "text": called})
    if actions := [
        {
            "tag": "button",
            "text": {"tag": "plain_text", "content": button.words},
            "type": "default",
            "url": button.url,
        }
        for button in _all(message, language)
    ]:
        elements.append({"tag": "action", "actions": actions})
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
    """Return a message in Markdown, of which what others wrote is none; a card where it has buttons. It mentions at most who is meant."""
    title = without_markup(message.title)
    called = "" if message.mention is None else f"\n\n@{message.mention}"
    if message.buttons:
        text = _markdown(replace(message, link=None), language, between="\n\n") + called
        buttons = [{"title": button.words, "actionURL": button.url} for button in _all(message, language)]
        card = {"title": title, "text": text, "btnOrientation": "0", "btns": buttons}
        return {"msgtype": "actionCard", "actionCard": card}
    text = _markdown(message, language, between="\n\n") + called
    at: dict[str, Any] = {"isAtAll": False}
    if message.mention is not None:
        is_phone = message.mention.removeprefix("+").isdigit()
        at["atMobiles" if is_phone else "atUserIds"] = [message.mention]
    return {"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": at}


def dingtalk_query(secret: str, milliseconds: int) -> Mapping[str, str]:
    """Return what is added to the address of a bot that has a secret."""
    sign = _signed(secret.encode(), f"{milliseconds}\n{secret}".encode())
    return {"timestamp": str(milliseconds), "sign": sign}


def wecom(message: Message, language: Language) -> dict[str, Any]:
    """Return a message in Markdown, of which what others wrote is none; a card where it has buttons, whose text is plain."""
    if message.buttons:
        return {"msgtype": "template_card", "template_card": _wecom_card(message, language)}
    called = "" if message.mention is None else f"<@{message.mention}>\n"
    most = MARKDOWN_BYTES - len(called.encode())
    return {
        "msgtype": "markdown",
        "markdown": {"content": called + _markdown(message, language, between="\n", most=most)},
    }


def _wecom_card(message: Message, language: Language) -> dict[str, Any]:
    buttons = _all(message, language)
    return {
        "card_type": "text_notice",
        "main_title": {"title": cut(message.title, WECOM_TITLE)},
        "sub_title_text": cut("\n".join(message.lines), WECOM_TEXT),
        "jump_list": [{"type": 1, "title": cut(each.words, WECOM_JUMP), "url": each.url} for each in buttons[:3]],
        "card_action": {"type": 1, "url": buttons[0].url},
    }


def _markdown(message: Message, language: Language, *, between: str, most: int = MARKDOWN_BYTES) -> str:
    link = "" if message.link is None else f"{between}[{in_words(sentences.OPEN, language)}]({_safe(message.link)})"
    title = f"**{without_markup(message.title)}**"
    lines = between.join(f"> {without_markup(line)}" for line in message.lines)
    return cut_bytes(f"{title}{between}{lines}", most - len(link.encode())) + link


def _safe(link: str) -> str:
    """Return a link without what would end it, or begin another, inside of markup."""
    return quote(link, safe=_LINK_SAFE)


def _signed(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
