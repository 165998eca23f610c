"""The doors of the scripts: any page may load them, and what they send goes through the API's own doors."""

from __future__ import annotations

from fastapi import Response

from opsloop_common.http.routing import ApiRouter, public
from opsloop_feedback.widget.page import script

router = ApiRouter(tags=["widget"], include_in_schema=False)


@router.api_route("/widget.js", methods=["GET", "HEAD"], dependencies=[public()])
async def get_widget_script() -> Response:
    """Return the script that shows a button and a form on a page, in Chinese and English, by day and night."""
    return _answer(script())


@router.api_route("/chat.js", methods=["GET", "HEAD"], dependencies=[public()])
async def get_chat_script() -> Response:
    """Return the script that lets a page's visitors chat with the desk."""
    return _answer(script("chat.js"))


def _answer(text: str) -> Response:
    headers = {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(text, media_type="text/javascript; charset=utf-8", headers=headers)
