"""Bots of chats and a pager that hold callers to their protocols: signature, size, rate, and errors inside a 200."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

FORMATS = ("slack", "teams", "feishu", "dingtalk", "wecom", "pagerduty")
SECRETS = {"feishu": "opsloop-test-secret", "dingtalk": "SECofNobodyElse", "pagerduty": "R0UTINGKEY"}
HOUR_SECONDS = 3_600


async def all_over(acme: Any, count: int) -> bool:
    """Say whether so many deliveries were planned, and none waits."""
    items = await acme.deliveries(limit=200)
    return len(items) == count and all(item["status"] != "pending" for item in items)


class Bot:
    """What answers as one of them does. `taken` are the messages that it showed; `most` of them are taken in a minute."""

    def __init__(
        self, format: str, now: Callable[[], datetime], *, secret: str | None = None, most: int = 1_000
    ) -> None:
        self.format, self.now, self.secret, self.most = format, now, secret, most
        self.taken: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self._times: list[datetime] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a call as the bot's makers say."""
        raw = await request.read()
        say = getattr(self, f"_{self.format}")
        if not (request.content_type == "application/json" and raw):
            return web.Response(status=400, text="invalid_payload")
        body = json.loads(raw)
        self._times = [time for time in self._times if self.now() - time < timedelta(minutes=1)]
        answer: web.Response = say(request, raw, body, len(self._times) >= self.most)
        if body in self.taken[-1:]:
            self._times.append(self.now())
        return answer

    def _take(self, body: dict[str, Any], answer: web.Response) -> web.Response:
        self.taken.append(body)
        return answer

    def _refuse(self, answer: dict[str, Any]) -> web.Response:
        self.refused.append(json.dumps(answer))
        return web.json_response(answer)

    def _slack(self, request: web.Request, raw: bytes, body: dict[str, Any], is_much: bool) -> web.Response:
        if is_much:
            return web.Response(status=429, text="rate_limited", headers={"Retry-After": "30"})
        if request.query.get("access_token") != "t0ken":
            return web.Response(status=403, text="invalid_token")
        texts = [block["text"]["text"] for block in body["blocks"] if block["type"] != "actions"]
        buttons = [each for block in body["blocks"] if block["type"] == "actions" for each in block["elements"]]
        if len(buttons) > 25 or any(len(each["text"]["text"]) > 75 or len(each["url"]) > 3_000 for each in buttons):
            return web.Response(status=400, text="invalid_blocks")
        is_fit = body["text"] and len(body["text"]) <= 40_000 and len(texts[0]) <= 150
        if not is_fit or any(not 0 < len(text) <= 3_000 for text in texts):
            return web.Response(status=400, text="invalid_blocks")
        return self._take(body, web.Response(text="ok"))

    def _teams(self, request: web.Request, raw: bytes, body: dict[str, Any], is_much: bool) -> web.Response:
        if request.query.get("access_token") != "t0ken":
            return web.Response(status=401, text="DirectApiAuthorizationRequired")
        if is_much:
            return web.Response(status=429, text="Rate limit is exceeded.", headers={"Retry-After": "30"})
        (attachment,) = body["attachments"]
        is_card = attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        if len(raw) > 28 * 1024 or not (is_card and attachment["content"]["type"] == "AdaptiveCard"):
            return web.Response(status=400, text="Invalid card")
        return self._take(body, web.Response(status=202))

    def _feishu(self, request: web.Request, raw: bytes, body: dict[str, Any], is_much: bool) -> web.Response:
        if is_much:
            return self._refuse({"code": 11232, "msg": "frequency limited"})
        if request.query.get("access_token") != "t0ken":
            return self._refuse({"code": 19001, "msg": "param invalid: incoming webhook access token invalid"})
        if len(raw) > 20 * 1024:
            return self._refuse({"code": 9499, "msg": "Bad Request"})
        if self.secret is not None:
            made = hmac.digest(f"{body.get('timestamp')}\n{self.secret}".encode(), b"", hashlib.sha256)
            if not self._is_signed(body.get("timestamp"), 1, body.get("sign"), made):
                return self._refuse({"code": 19021, "msg": "sign match fail or timestamp is not within one hour"})
        if body["msg_type"] != "interactive" or body["card"]["header"]["title"]["tag"] != "plain_text":
            return self._refuse({"code": 19002, "msg": "params error, msg_type need"})
        return self._take(body, web.json_response({"code": 0, "msg": "success", "data": {}}))

    def _dingtalk(self, request: web.Request, raw: bytes, body: dict[str, Any], is_much: bool) -> web.Response:
        asked = request.query
        if asked.get("access_token") != "t0ken":
            return self._refuse({"errcode": 300001, "errmsg": "token is not exist"})
        if is_much:
            return self._refuse({"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"})
        if self.secret is not None:
            made = hmac.digest(
                self.secret.encode(), f"{asked.get('timestamp')}\n{self.secret}".encode(), hashlib.sha256
            )
            if not self._is_signed(asked.get("timestamp"), 1_000, asked.get("sign"), made):
                return self._refuse({"errcode": 310000, "errmsg": "sign not match"})
        said = body[body["msgtype"]]
        if body["msgtype"] == "actionCard" and not all(each["title"] and each["actionURL"] for each in said["btns"]):
            return self._refuse({"errcode": 40035, "errmsg": "invalid parameter"})
        if len(raw) > 20_000 or not said["title"]:
            return self._refuse({"errcode": 40035, "errmsg": "invalid parameter"})
        return self._take(body, web.json_response({"errcode": 0, "errmsg": "ok"}))

    def _wecom(self, request: web.Request, raw: bytes, body: dict[str, Any], is_much: bool) -> web.Response:
        if is_much:
            return self._refuse({"errcode": 45009, "errmsg": "api freq out of limit"})
        if request.query.get("access_token") != "t0ken":
            return self._refuse({"errcode": 93000, "errmsg": "invalid webhook url"})
        if body["msgtype"] == "template_card":
            card = body["template_card"]
            if not (card["main_title"]["title"] and card["card_action"]["url"] and len(card["jump_list"]) <= 3):
                return self._refuse({"errcode": 42045, "errmsg": "template card invalid"})
            return self._take(body, web.json_response({"errcode": 0, "errmsg": "ok"}))
        if not 0 < len(body["markdown"]["content"].encode()) <= 4_096:
            return self._refuse({"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"})
        return self._take(body, web.json_response({"errcode": 0, "errmsg": "ok"}))

    def _pagerduty(self, request: web.Request, raw: bytes, body: dict[str, Any], is_much: bool) -> web.Response:
        if is_much:
            return web.json_response({"status": "throttle exceeded"}, status=429)
        payload = body["payload"]
        is_fit = 0 < len(payload["summary"]) <= 1_024 and 0 < len(body["dedup_key"]) <= 255 and payload["source"]
        is_known = payload["severity"] in ("critical", "error", "warning", "info")
        is_known = is_known and body["event_action"] in ("trigger", "acknowledge", "resolve")
        if body["routing_key"] != self.secret or not is_fit or not is_known:
            return web.json_response({"status": "invalid event", "errors": ["'routing_key' is invalid"]}, status=400)
        return self._take(body, web.json_response({"status": "success", "dedup_key": body["dedup_key"]}, status=202))

    def _is_signed(self, at: str | None, a_second: int, sign: str | None, made: bytes) -> bool:
        if not at or not sign or abs(self.now().timestamp() - int(at) / a_second) > HOUR_SECONDS:
            return False
        return hmac.compare_digest(base64.b64encode(made).decode(), sign)
