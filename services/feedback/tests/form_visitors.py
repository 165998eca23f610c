"""Somebody who visits the page of a form, as a browser without script does: for tests of forms."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx

from services.feedback.tests.desks import Clockwork

_FIELD = re.compile(r'<(input|textarea|select)([^>]*?) name="([^"]+)"([^>]*)>')
READING_SECONDS = 30


class Visitor:
    """A page that is open, and what is typed into it."""

    def __init__(self, clockwork: Clockwork, path: str, *, accepts: str = "zh-CN,zh;q=0.9") -> None:
        self.desk = clockwork.desk
        self.path = path
        self.headers = {"Accept-Language": accepts, "Sec-Fetch-Site": "same-origin"}
        self.page = ""

    async def open(self, expect: int = 200, query: str = "") -> str:
        """Open the page, and read it for a while."""
        answer = await self.desk.client.get(f"{self.path}{query}", headers=self.headers)
        assert answer.status_code == expect, answer.text
        self.page = answer.text
        self.desk.api.clock.advance(READING_SECONDS)
        return self.page

    def hidden(self) -> dict[str, str]:
        """Return what the page sends of itself."""
        return {
            name: unescape(re.search(r'value="([^"]*)"', before + after)[1])  # type: ignore[index]
            for _, before, name, after in _FIELD.findall(self.page)
            if 'type="hidden"' in before
        }

    def asked(self) -> list[str]:
        """Return the names of what the page asks, in its order."""
        names = [name for _, before, name, _ in _FIELD.findall(self.page) if 'type="hidden"' not in before]
        return list(dict.fromkeys(names))

    async def send(self, expect: int = 303, **typed: str) -> httpx.Response:
        """Send the form as browsers do: parts, line ends of two characters, everything typed as it is."""
        fields: dict[str, Any] = {
            **self.hidden(),
            "website": "",
            **{name.replace("__", "."): text for name, text in typed.items()},
        }
        parts = {name: (None, text.replace("\n", "\r\n").encode()) for name, text in fields.items()}
        answer = await self.desk.client.post(self.path, files=parts, headers=self.headers)
        assert answer.status_code == expect, answer.text
        if expect != 303:
            self.page = answer.text
        return answer

    async def follow(self, answer: httpx.Response) -> str:
        """Open the page that an answer leads to."""
        where = httpx.URL(f"http://service.test{self.path}").join(answer.headers["location"])
        shown = await self.desk.client.get(str(where), headers=self.headers)
        assert shown.status_code == 200, shown.text
        return shown.text
