"""The last line of a mail: how to stop it. Pure."""

from __future__ import annotations

from html import escape

from opsloop_notifications.locales.rules import best_locale
from opsloop_notifications.wording.rules import with_foot

_WORDS = {
    "en": ("You do not want mails like this one?", " ", "Unsubscribe", ": "),
    "zh-CN": ("不想再收到此类邮件？", "", "退订", "："),
    "zh-TW": ("不想再收到這類郵件？", "", "取消訂閱", "："),
}
_LOCALES = tuple(_WORDS)


def with_way_out(body: str, html: str | None, link: str | None, locale: str | None) -> tuple[str, str | None]:
    """Return text and HTML of a mail with a last line that leads to `link`, in the reader's language; as they are without a link."""
    if link is None:
        return body, html
    question, space, leave, colon = _WORDS[_LOCALES[best_locale(_LOCALES, locale)]]
    # "-- " begins a signature, which programs leave out of a reply
    text = f"{body.rstrip()}\n\n-- \n{question}{space}{leave}{colon}{link}\n"
    way = f'<a class="ol-a" style="color:#0b57d0;text-decoration:underline" href="{escape(link)}">{leave}</a>'
    return text, None if html is None else with_foot(html, f"{question}{space}{way}")
