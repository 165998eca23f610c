"""The door of the widget's script: any page may load it, and what it sends goes through the API's own doors."""

from __future__ import annotations

from fastapi import Response

from opsloop_common.http.routing import ApiRouter, public
from opsloop_feedback.widget.page import script

router = ApiRouter(tags=["widget"])


@router.get("/widget.js", dependencies=[public()], include_in_schema=False)
async def get_widget_script() -> Response:
    """Return the script that shows a button and a form on a page, in Chinese and English, by day and night."""
    headers = {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(script(), media_type="text/javascript; charset=utf-8", headers=headers)
