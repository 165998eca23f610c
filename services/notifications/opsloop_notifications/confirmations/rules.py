"""What people are asked whose address nobody knows to be theirs. Pure."""

from __future__ import annotations

from datetime import timedelta

LIVES = timedelta(days=7)
DAY = timedelta(days=1)
A_DAY = 3
"""So often one mailbox is asked about one person in a day, an hour between; about somebody else on another day."""


def question(address: str) -> list[dict[str, str]]:
    """Return what is asked, with the address of the page that takes the answer."""
    return [
        {
            "locale": "en",
            "subject": "Is this your address?",
            "body": (
                "Somebody, probably you, gave us this address to get messages from us.\n\n"
                f"If it was you, open this page and press the button:\n{address}\n\n"
                "The link works for seven days. If it was not you, do nothing, and you will get nothing more.\n"
            ),
        },
        {
            "locale": "zh-CN",
            "subject": "这是您的邮箱地址吗？",
            "body": (
                "有人（可能是您本人）登记了此邮箱地址，以接收我们的消息。\n\n"
                f"如果是您本人，请打开此页面并点击按钮：\n{address}\n\n"
                "链接七天内有效。如果不是您本人，无需任何操作，您不会再收到我们的消息。\n"
            ),
        },
    ]
