"""Ids as others give them: each is one thing in bodies, paths and queries, or refused in all of them."""

from __future__ import annotations

GOOD_IDS = (
    "u1",
    "org/alice",
    "a%2Fb",
    "a%252Fb",
    "用户 1",
    "?#&",
    "a+b=c;d",
    "https://id.example.test/users/1?x=1",
    "/leading",
    "trailing/",
    "two//slashes",
    "/",
    "...",
    ".hidden/..seen/v1.",
    "a\\b",
    " spaces ",
    "{user_id}",
    "支" * 200,
    "\U0001f469\U0001f467",
    "e\u0301",  # kept as it came, not composed
    "auth0|1'\"`<>",
)
BAD_IDS = (
    *(".", "..", "./a", "a/.", "a/../b", "..//", "a\nb", "a\n", "\x7f", "a\x85", "a\ufffd", "x" * 201),
    *("\u200b", "ann\u200b", "\u202eann", "an\u00adn", "ann\ufe0f", "\u3164", "支\U000e0061付"),
    "\U0001f469\u200d\U0001f467",  # a joiner, which is left out wherever texts are compared
)
