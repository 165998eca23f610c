"""Pages for people, below `/p/<workspace>/<room>`: GET shows, POST acts, and rights come from a link or not at all.

A page runs no script, loads nothing from elsewhere and cannot be framed; whatever markup users write, it lands in a sandbox
without scripts. The cookie of an exchanged link opens that one thing for an hour, on pages only: the API reads the Authorization
header and nothing else. A POST that changes something with a cookie proves that it comes from our own form (RFC 6265bis SameSite,
Fetch Metadata or Origin, and a token of the cookie in the form), so that no other site can act with a visitor's rights.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Annotated, Any, NewType
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Depends, params
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from opsloop_common.access import links
from opsloop_common.access.addresses import counted_as
from opsloop_common.access.links import Opened, Secret
from opsloop_common.access.principal import SLUG, Kind, Principal
from opsloop_common.errors import DomainError, Forbidden, Invalid, NotFound, UnsupportedMediaType
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.http.body import read_bytes
from opsloop_common.http.call import call_of
from opsloop_common.http.deps import Db
from opsloop_common.http.headers import page_policy, source_of
from opsloop_common.http.problems import error_response
from opsloop_common.http.routing import Handler
from opsloop_common.http.strict_json import text_flaw
from opsloop_common.limits import PAGE_FORM_BYTES, PAGE_FORM_FIELDS, PAGE_SESSION_SECONDS

PREFIX = "/p/{workspace}"
FORM_TOKEN = "form_token"  # noqa: S105 a field's name
_STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.6 system-ui,'PingFang SC','Noto Sans CJK SC',sans-serif;margin:0}"
    "main{max-width:38rem;margin:12vh auto;padding:0 1.25rem;overflow-wrap:anywhere}h1{font-size:1.4rem;font-weight:600}"
    "button,textarea{font:inherit}textarea{box-sizing:border-box;width:100%}"
    "button{padding:.5rem 1.25rem;border-radius:.4rem;border:1px solid currentColor;cursor:pointer}"
)
_LOADS_NOTHING = page_policy(styles=[source_of(_STYLE)], images=["'self'", "data:"])
CSP = f"{_LOADS_NOTHING}; sandbox allow-forms allow-popups allow-same-origin"
"""Of every page. Without its own origin a form could not send the page's cookie; scripts stay forbidden either way."""

_WORKSPACE = re.compile(SLUG)
_ROOM = re.compile(r"[a-z][a-z-]{0,40}")
_PAGE_PATH = re.compile(r"/p/[^/]+/([^/]+)")
_BOUNDARY = re.compile(r"boundary=\"?([A-Za-z0-9'()+_,./:=? -]{1,70})\"?")
_FIELD_NAME = re.compile(r'(?i)^\s*content-disposition: form-data; name="([^"\r\n]{0,200})"\s*$', re.MULTILINE)
_PAGE = "opsloop.page"
Form = NewType("Form", dict[str, str])


class PageRoute(APIRoute):
    """A page: enters the workspace of its path as nobody in particular, and answers people with pages, errors too."""

    def get_route_handler(self) -> Handler:
        """Wrap the endpoint: admit, read the form of a POST, wait for a share, work, commit, and only then answer."""
        endpoint = super().get_route_handler()

        async def handle(request: Request) -> Response:
            call = call_of(request)
            try:
                async with call.under_way():
                    call.principal = _visitor(request)
                    call.shell.limiter.take(call.principal)
                    if request.method == "POST":
                        _require_own_form(request)
                        request.scope[_PAGE] = await _read_form(request)
                    await call.enter()
                    response = await endpoint(request)
                    if response.status_code < 400:
                        await call.commit()
            except Exception as error:  # noqa: BLE001 - the one place that turns errors into pages
                response = _error_page(error, request)
            response.headers.setdefault("Content-Security-Policy", CSP)
            response.headers.setdefault("Cache-Control", "no-store")
            # "no-referrer" would make browsers send our own forms with `Origin: null` (Fetch, "append a request Origin header")
            response.headers["Referrer-Policy"] = "same-origin"
            return response

        return handle


class PageRouter(APIRouter):
    """The pages of one room, at `/p/<workspace>/<room>`; no part of the API's contract."""

    def __init__(self, room: str, **options: Any) -> None:
        if not _ROOM.fullmatch(room):
            raise ValueError(f"{room!r} is no name for a room")
        self.room = room
        super().__init__(prefix=f"{PREFIX}/{room}", route_class=PageRoute, include_in_schema=False, **options)

    def open_by_link(self, purpose: str, lands_on: Callable[[Opened], str]) -> None:
        """Add `/open`: GET shows a button, POST takes the link for a cookie and goes to `lands_on`, a path in the workspace."""

        async def show_link(link: str = "") -> HTMLResponse:
            """Ask for the press of a button: whoever scans mails presses none."""
            return HTMLResponse(_open_page(link))

        async def open_link(request: Request, form: PageForm, session: Db) -> Response:
            """Exchange the link, once."""
            secret = Secret.parse(form.get("link", ""))
            if secret is None:
                raise NotFound("This link is not complete.")
            cookie, opened = await links.exchange(session, secret, purpose=purpose)
            response = RedirectResponse(_within(request, lands_on(opened)), 303)
            set_cookie(response, request, cookie, opened)
            return response

        self.add_api_route("/open", show_link, methods=["GET"], response_model=None)
        self.add_api_route("/open", open_link, methods=["POST"], response_model=None)


def opened(purpose: str, subject: str) -> params.Depends:
    """Let in who has opened `subject`, a pattern over the path such as `note/{note_id}`; 404 in words for everybody else."""

    async def require(request: Request, session: Db) -> Opened:
        concrete = subject.format_map(request.path_params)
        principal = call_of(request).who
        name = cookie_name(request, principal.workspace, purpose, concrete)
        cookie = Secret.parse(request.cookies.get(name, ""))
        found = await links.get_opened(session, cookie, purpose=purpose, subject=concrete)
        if request.method == "POST" and cookie is not None:
            _require_token(request, cookie)
        request.scope[f"{_PAGE}.cookie"] = cookie
        return found

    return params.Depends(require)


async def _form(request: Request) -> Form:
    return Form(request.scope[_PAGE])


PageForm = Annotated[Form, Depends(_form)]
"""The fields of the form that a page was sent."""


def form_token(request: Request) -> str:
    """Return the hidden field `form_token` of forms on a page that a link opened: HTML, with its value."""
    cookie: Secret = request.scope[f"{_PAGE}.cookie"]
    return f'<input type="hidden" name="{FORM_TOKEN}" value="{_token_of(cookie)}">'


def cookie_name(request: Request, workspace: str, purpose: str, subject: str) -> str:
    """Return the cookie of one opened thing; where there is TLS no other host and no plain connection can set it."""
    thing = hashlib.sha256(f"{workspace}/{purpose}/{subject}".encode()).hexdigest()[:16]
    return f"{'__Host-' if is_secure(request) else ''}opsloop-{thing}"


def set_cookie(response: Response, request: Request, cookie: Secret, opened: Opened) -> None:
    """Give the visitor the cookie of what was opened: HttpOnly, SameSite=Strict, an hour, Secure wherever there is TLS."""
    response.set_cookie(
        cookie_name(request, opened.workspace, opened.purpose, opened.subject),
        str(cookie),
        max_age=PAGE_SESSION_SECONDS,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )


def is_secure(request: Request) -> bool:
    """Say whether the visitor is connected by TLS: to us, or to the public address in front of us."""
    public = call_of(request).shell.runtime.settings.public_url or ""
    return request.url.scheme == "https" or urlsplit(public).scheme == "https"


def _visitor(request: Request) -> Principal:
    workspace = request.path_params["workspace"]
    if not _WORKSPACE.fullmatch(workspace):
        raise NotFound("There is nothing here.")
    address = counted_as(request.client.host) if request.client else "?"
    return Principal(workspace, "visitor", frozenset(), f"visitor:{address}", "visitors", Kind.VISITOR)


def _require_own_form(request: Request) -> None:
    """Refuse a POST that a browser says comes from another site. What is no browser says nothing, and carries no cookies."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise Forbidden("This form was sent from another site.")
        return
    origin = request.headers.get("origin")
    if origin is not None and origin not in _own_origins(request):
        raise Forbidden("This form was sent from another site.")


def _own_origins(request: Request) -> set[str]:
    host = request.headers.get("host", "")
    public = urlsplit(call_of(request).shell.runtime.settings.public_url or "")
    return {f"{request.url.scheme}://{host}", f"{public.scheme}://{public.netloc}"}


def _require_token(request: Request, cookie: Secret) -> None:
    given = request.scope.get(_PAGE, {}).get(FORM_TOKEN, "")
    if not hmac.compare_digest(given.encode(), _token_of(cookie).encode()):
        raise Forbidden("This form is not ours, or too old. Open the page again.")


def _token_of(cookie: Secret) -> str:
    # what the cookie's holder alone can make, and tells nothing of the cookie
    return hmac.new(cookie.proof.encode(), b"opsloop form", hashlib.sha256).hexdigest()


async def _read_form(request: Request) -> dict[str, str]:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    kind, boundary = kind.strip().lower(), _BOUNDARY.search(parameters)
    if kind != "application/x-www-form-urlencoded" and not (kind == "multipart/form-data" and boundary):
        raise UnsupportedMediaType("Send application/x-www-form-urlencoded.")
    raw = await read_bytes(request, PAGE_FORM_BYTES)
    try:
        with reading():
            fields = _parts(raw, boundary[1].encode()) if boundary and kind.startswith("m") else _pairs(raw)
    except Unreadable as error:
        raise Invalid("", "is not a form") from error
    for name, value in fields:
        if text_flaw(name) or (flaw := text_flaw(value)):
            raise Invalid("" if text_flaw(name) else f"/{name}", text_flaw(name) or flaw or "")
    return dict(fields)


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    return parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=PAGE_FORM_FIELDS, errors="strict")


def _parts(raw: bytes, boundary: bytes) -> list[tuple[str, str]]:
    """Read a form of plain fields as mail programs send it (RFC 8058 asks for this form first)."""
    fields: list[tuple[str, str]] = []
    for part in raw.split(b"--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = _FIELD_NAME.search(head.decode())
        if name is None or len(fields) == PAGE_FORM_FIELDS:
            raise ValueError("not a form of plain fields")
        fields.append((name[1], value.removesuffix(b"\r\n").decode()))
    return fields


def _within(request: Request, path: str) -> str:
    """Return a path of the workspace as the visitor reaches it, whatever prefix stands before."""
    root = request.scope.get("root_path", "").rstrip("/")
    return f"{root}/p/{request.path_params['workspace']}/{path.lstrip('/')}"


_WORDS = {
    403: ("Not allowed", "不允许"),
    404: ("Not here", "页面不存在"),
    410: ("No longer here", "页面已不存在"),
    413: ("Too large", "内容过大"),
    429: ("Too many requests", "请求过于频繁"),
    503: ("Not available right now", "暂时不可用"),
}


def _error_page(error: Exception, request: Request) -> Response:
    problem = error_response(error, request.scope, request_id=call_of(request).request_id)
    english, chinese = _WORDS.get(problem.status_code, ("That did not work", "操作未成功"))
    detail = error.detail if isinstance(error, DomainError) else ""
    page = page_html(f"{english} · {chinese}", f"<h1>{english} · {chinese}</h1><p>{escape(detail)}</p>")
    headers = {name: value for name, value in problem.headers.items() if name in ("retry-after", "allow")}
    return HTMLResponse(page, problem.status_code, headers)


def _open_page(link: str) -> str:
    shown = escape(link if Secret.parse(link) else "", quote=True)
    return page_html(
        "OpsLoop",
        "<h1>Open this page? · 打开此页面？</h1>"
        "<p>The link works once. · 此链接只能使用一次。</p>"
        f'<form method="post"><input type="hidden" name="link" value="{shown}">'
        "<button>Open · 打开</button></form>",
    )


def page_html(title: str, body: str, *, lang: str = "en") -> str:
    """Return a whole page in the house's plain look; `body` is HTML, `title` is text."""
    return (
        f'<!doctype html><html lang="{escape(lang)}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main>{body}</main></html>"
    )


def rooms_of(routers: Sequence[APIRouter]) -> list[str]:
    """Return the rooms whose pages are among `routers`: what a front door hands to the service."""
    return [router.room for router in routers if isinstance(router, PageRouter)]


def room_in(path: str) -> str | None:
    """Return the room that a path below a front door names, None when it names none."""
    match = _PAGE_PATH.match(path)
    return match[1] if match else None
