"""The page of an endpoint as HTML: no script, nothing loaded, by day and night. All that others wrote stands in it as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from uuid import UUID

from opsloop_common.http.headers import page_policy, source_of
from opsloop_common.times import time_for_people
from opsloop_notifications.portal import rules
from opsloop_notifications.portal.rules import Right
from opsloop_notifications.portal.words import FAILURES, NOTICES, REASONS, SPANS, STATES, WORDS

STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#1f2328,#e6e9ed);--soft:light-dark(#57606a,#9aa4af);--line:light-dark(#d8dee4,#343b44);
--page:light-dark(#fff,#14171b);--band:light-dark(#f6f8fa,#1c2127);--accent:light-dark(#0b57d0,#8ab4f8);--on:light-dark(#fff,#10233f);
--good:light-dark(#1a6b36,#6fcf8d);--bad:light-dark(#b3261e,#ff9d94);--wait:light-dark(#8a5300,#f2bd6b)}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,"PingFang SC","Hiragino Sans GB","Microsoft YaHei",
"Noto Sans CJK SC",sans-serif;font-variant-numeric:tabular-nums}
:lang(zh){line-height:1.7}
main,header,footer{max-width:60rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;justify-content:space-between;gap:1rem;padding-top:1.5rem;color:var(--soft);font-size:.875rem}
footer{padding:2rem 1.25rem;color:var(--soft);font-size:.875rem}
h1{font-size:1.5rem;line-height:1.3;margin:.5rem 0;overflow-wrap:anywhere}h2{font-size:1.125rem;margin:2rem 0 .5rem}
a{color:var(--accent)}a:focus-visible,button:focus-visible,summary:focus-visible,select:focus-visible{outline:2px solid var(--accent);
outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem}
.soft{color:var(--soft)}.url{font-family:ui-monospace,monospace;font-size:.875rem;overflow-wrap:anywhere}
.succeeded,.enabled{color:var(--good)}.failed,.failing{color:var(--bad)}.pending,.disabled{color:var(--wait)}.cancelled{color:var(--soft)}
.mark{white-space:nowrap;font-weight:600}
.notice{border:1px solid var(--line);border-left:4px solid var(--accent);background:var(--band);padding:.75rem 1rem;border-radius:.25rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.25rem;margin:.75rem 0}dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
nav.states{display:flex;flex-wrap:wrap;gap:.5rem;margin:.75rem 0}
nav.states a{padding:.25rem .75rem;border:1px solid var(--line);border-radius:1rem;text-decoration:none;color:var(--ink);min-height:2rem}
nav.states a[aria-current]{background:var(--accent);border-color:var(--accent);color:var(--on)}
table{width:100%;border-collapse:collapse}th{text-align:left;font-weight:500;color:var(--soft);font-size:.875rem}
th,td{padding:.5rem .75rem .5rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
.number{text-align:right}
.pages{display:flex;gap:1.25rem;margin:1rem 0}
details{border:1px solid var(--line);border-radius:.375rem;margin:.5rem 0}summary{padding:.625rem 1rem;cursor:pointer;min-height:2.75rem}
details>*:not(summary){margin:0 1rem .75rem}
button,select{font:inherit;min-height:2.75rem;padding:.375rem 1.125rem;border-radius:.375rem;border:1px solid var(--accent);
background:var(--accent);color:var(--on);cursor:pointer;margin-block:.25rem}
select{background:var(--page);color:var(--ink);border-color:var(--line);padding:.375rem .75rem}
pre{background:var(--band);border:1px solid var(--line);border-radius:.375rem;padding:.75rem 1rem;overflow:auto;max-height:28rem;
font:.8125rem/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.secret{font-size:1rem;user-select:all}
@media (max-width:40rem){thead{position:absolute;left:-99rem}tr{display:flex;flex-wrap:wrap;
justify-content:space-between;gap:.125rem 1rem;padding:.625rem 0;border-bottom:1px solid var(--line)}td{border:0;padding:.125rem 0}
td[data-name]::before{content:attr(data-name) " ";color:var(--soft)}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
"""
CSP = f"{page_policy(styles=[source_of(STYLE)])}; sandbox allow-forms allow-same-origin"


@dataclass(frozen=True)
class Look:
    """How a page is written: its language, the buttons that its rights allow, and what was just done."""

    is_chinese: bool
    rights: str
    token: str
    said: str | None

    @property
    def lang(self) -> str:
        """Return the language as addresses name it."""
        return "zh" if self.is_chinese else "en"

    def pick(self, pair: tuple[str, str]) -> str:
        """Return one of a pair of texts, as HTML."""
        return escape(pair[self.is_chinese])

    def word(self, name: str, **values: Any) -> str:
        """Return a text by its name, as HTML."""
        return escape(WORDS[name][self.is_chinese].format(**values))

    def may(self, right: Right) -> bool:
        """Say whether a button may stand here."""
        return rules.has(self.rights, right)


def endpoint_page(board: Any, look: Look, *, status: str | None, is_first: bool) -> str:
    """Return the page of an endpoint."""
    webhook = board.webhook
    host = rules.shown_url(webhook.shown_url).split("/")[2]
    hears = escape(", ".join(webhook.event_types))
    if webhook.filter:
        hears += f' <span class="soft">({look.word("filtered")})</span>'
    rows = [("hears", hears), ("format", escape(webhook.format))]
    if not webhook.is_bot:
        rows.append(("signature", escape(webhook.signature)))
    if webhook.public_key is not None and not webhook.is_bot:
        rows.append(("public_key", f'<span class="url">{escape(webhook.public_key)}</span>'))
    if webhook.failing_since is not None:
        rows.append(("failing_since", _time(webhook.failing_since, board.zone, look)))
    body = (
        f'<p class="soft">{look.word("endpoint")}</p><h1>{escape(host)}</h1>{_notice(look)}'
        f'<p class="url">{escape(rules.shown_url(webhook.shown_url))}</p><p>{_health(webhook, look)}</p>'
        f"{_list(rows, look)}{_fares(board.counts, look)}"
        f"<h2>{look.word('deliveries')}</h2>{_states(look, status, f'{look.rights}')}"
        f"{_table(board, look, status=status)}{_turns(board, look, status=status, is_first=is_first)}{_acts(webhook, look)}"
    )
    return _whole(host, body, look, board.expires_at, board.zone, f"status={status or ''}")


def delivery_page(sheet: Any, look: Look) -> str:
    """Return the page of one delivery."""
    delivery = sheet.delivery
    rows = [
        ("state", f"{_mark(delivery.status, look)}{_failure(delivery.failure, look)}"),
        ("time", _time(delivery.created_at, sheet.zone, look)),
        ("event", f'<span class="url">{delivery.event_id}</span>'),
    ]
    if delivery.next_attempt_at is not None:
        rows.append(("next_attempt", _time(delivery.next_attempt_at, sheet.zone, look)))
    payload = f"<p>{look.word('not_kept')}</p>" if sheet.payload is None else _text(sheet.payload, look)
    tries = "".join(_attempt(attempt, sheet.zone, look) for attempt in sheet.attempts[: rules.ATTEMPTS_SHOWN])
    button = ""
    if look.may(Right.RESEND):
        button = _form(f"{delivery.id}/resend", f"<button>{look.word('resend')}</button>", look)
    body = (
        f'<p><a href="../../{escape(look.rights)}?lang={look.lang}">← {look.word("back")}</a></p>'
        f"<h1>{escape(delivery.event_type)}</h1>{_notice(look)}{_list(rows, look)}{button}"
        f"<h2>{look.word('payload_of_bot' if sheet.webhook.is_bot else 'payload')}</h2>{payload}"
        f"<h2>{look.word('attempts')}</h2>{tries or look.word('no_attempts')}"
    )
    return _whole(delivery.event_type, body, look, sheet.expires_at, sheet.zone, "")


def secret_page(webhook: Any, secret: str | None, look: Look) -> str:
    """Return the page that shows a new secret, once, and the public half of a new pair of keys."""
    title = "key_new" if secret is None else "secret_new"
    shown = "" if secret is None else f'<p>{look.word("secret_keep")}</p><pre class="secret">{escape(secret)}</pre>'
    if webhook.public_key is not None:
        shown += f'<p>{look.word("key_published")}</p><pre class="secret">{escape(webhook.public_key)}</pre>'
    body = (
        f"<h1>{look.word(title)}</h1>{shown}"
        f'<p><a href="../{escape(look.rights)}?lang={look.lang}">← {look.word("back")}</a></p>'
    )
    return _whole(WORDS[title][look.is_chinese], body, look, None, "UTC", None)


def _whole(title: str, body: str, look: Look, until: datetime | None, zone: str, query: str | None) -> str:
    other, name = ("en", "English") if look.is_chinese else ("zh", "中文")
    # a page that a POST answered with has no address that shows it again
    switch = (
        "" if query is None else f'<a lang="{other}" href="?{escape(f"lang={other}&{query}", quote=True)}">{name}</a>'
    )
    foot = "" if until is None else f"<footer>{look.word('session_until')} {_time(until, zone, look)}</footer>"
    return (
        f'<!doctype html><html lang="{"zh-CN" if look.is_chinese else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{escape(title)} · OpsLoop</title><style>{STYLE}</style></head><body><a class="skip" href="#main">'
        f'{look.word("skip")}</a><header><span>OpsLoop</span>{switch}</header><main id="main">{body}</main>{foot}</body></html>'
    )


def _notice(look: Look) -> str:
    return "" if look.said is None else f'<p class="notice" role="status">{look.pick(NOTICES[look.said])}</p>'


def _health(webhook: Any, look: Look) -> str:
    if webhook.status != "enabled":
        reason = REASONS.get(webhook.disabled_reason)
        why = f' <span class="soft">{look.pick(reason)}</span>' if reason else ""
        return f'<span class="mark disabled">◼ {look.word("disabled")}</span>{why}'
    if webhook.failing_since is not None:
        return f'<span class="mark failing">▲ {look.word("failing")}</span>'
    return f'<span class="mark enabled">● {look.word("enabled")}</span>'


def _fares(counts: Mapping[str, int], look: Look) -> str:
    if not counts:
        return ""
    told = " · ".join(f"{_mark(state, look)} {counts[state]:,}" for state in STATES if state in counts)
    return f'<p><span class="soft">{look.word("of_last", count=sum(counts.values()))}</span> {told}</p>'


def _mark(state: str, look: Look) -> str:
    shape, *words = STATES[state]
    return f'<span class="mark {state}">{shape} {escape(words[look.is_chinese])}</span>'


def _failure(failure: str | None, look: Look) -> str:
    if failure is None:
        return ""
    return f' <span class="soft">{look.pick(FAILURES.get(failure, (failure, failure)))}</span>'


def _time(moment: datetime, zone: str, look: Look) -> str:
    told = time_for_people(moment, "zh-CN" if look.is_chinese else "en", zone)
    return f'<time datetime="{moment.isoformat()}">{escape(told)}</time>'


def _list(rows: Iterable[tuple[str, str]], look: Look) -> str:
    return f"<dl>{''.join(f'<dt>{look.word(name)}</dt><dd>{html}</dd>' for name, html in rows)}</dl>"


def _states(look: Look, status: str | None, page: str) -> str:
    def link(state: str, words: str) -> str:
        current = ' aria-current="page"' if state == (status or "") else ""
        return f'<a href="{escape(page)}?lang={look.lang}&amp;status={state}"{current}>{words}</a>'

    links = [link("", look.word("all")), *(link(state, _mark_words(state, look)) for state in STATES)]
    return f'<nav class="states" aria-label="{look.word("state")}">{"".join(links)}</nav>'


def _mark_words(state: str, look: Look) -> str:
    shape, *words = STATES[state]
    return f"{shape} {escape(words[look.is_chinese])}"


def _table(board: Any, look: Look, *, status: str | None) -> str:
    if not board.deliveries:
        return f'<p class="soft">{look.word("empty_state" if status else "empty")}</p>'
    names = ("state", "event", "time", "tried")
    head = "".join(f"<th{' class=number' if name == 'tried' else ''}>{look.word(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><td>{_mark(each.status, look)}{_failure(each.failure, look)}</td>"
        f'<td><a href="{_to(look, each.id)}">{escape(each.event_type)}</a></td>'
        f"<td>{_time(each.created_at, board.zone, look)}</td>"
        f'<td class="number" data-name="{look.word("tried")}">{each.attempt_count}</td></tr>'
        for each in board.deliveries
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _to(look: Look, delivery_id: UUID) -> str:
    return f"{escape(look.rights)}/deliveries/{delivery_id}?lang={look.lang}"


def _turns(board: Any, look: Look, *, status: str | None, is_first: bool) -> str:
    here = f"{escape(look.rights)}?lang={look.lang}&amp;status={status or ''}"
    links = [] if is_first else [f'<a href="{here}">← {look.word("newest")}</a>']
    if board.has_more:
        links.append(f'<a href="{here}&amp;before={board.deliveries[-1].id}">{look.word("older")} →</a>')
    return f'<p class="pages">{"".join(links)}</p>' if links else ""


def _form(action: str, inner: str, look: Look) -> str:
    where = escape(f"{action}?lang={look.lang}", quote=True)
    return f'<form method="post" action="{where}">{look.token}{inner}</form>'


def _act(name: str, action: str, look: Look, inner: str = "") -> str:
    button = f"{inner}<button>{look.word(name)}</button>"
    effect = f"<p>{look.word(f'{name}_effect')}</p>" if f"{name}_effect" in WORDS else ""
    return f"<details><summary>{look.word(name)}</summary>{effect}{_form(f'{look.rights}/{action}', button, look)}</details>"


def _acts(webhook: Any, look: Look) -> str:
    is_enabled = webhook.status == "enabled"
    acts = []
    if look.may(Right.RESEND) and is_enabled and webhook.about == "events":
        spans = "".join(f'<option value="{span}">{look.pick(words)}</option>' for span, words in SPANS.items())
        choice = f'<label>{look.word("since")} <select name="since">{spans}</select></label> '
        acts.append(_act("recover", "recover", look, choice))
    if look.may(Right.ROTATE) and not webhook.is_bot:
        version = f'<input type="hidden" name="version" value="{webhook.version}">'
        acts.append(_act("rotate_key" if webhook.signature == "v1a" else "rotate", "rotate", look, version))
    if look.may(Right.PAUSE) and is_enabled:
        acts.append(_act("pause", "pause", look))
    elif look.may(Right.PAUSE) and rules.may_resume(webhook.disabled_reason):
        acts.append(_act("resume", "resume", look))
    return f"<h2>{look.word('what_you_can_do')}</h2>{''.join(acts)}" if acts else ""


def _attempt(attempt: Any, zone: str, look: Look) -> str:
    answered = str(attempt.status_code) if attempt.status_code is not None else look.word("no_answer")
    state = "succeeded" if attempt.failure is None else "failed"
    rows = [
        ("time", _time(attempt.attempted_at, zone, look)),
        ("status", f"{answered}{_failure(attempt.failure, look)}"),
        ("duration", f"{attempt.duration_ms:,} ms"),
    ]
    headers = "\n".join(f"{name}: {value}" for name, value in attempt.request_headers.items())
    sent = "" if attempt.payload is None else f"<p>{look.word('payload')}</p>{_text(attempt.payload, look)}"
    body = "" if attempt.response_body is None else f"<p>{look.word('answer')}</p>{_text(attempt.response_body, look)}"
    return (
        f"<details><summary>{_mark(state, look)} {look.word('attempt')} {attempt.number} · {answered}</summary>"
        f"{_list(rows, look)}<p>{look.word('headers')}</p><pre>{escape(headers)}</pre>{sent}{body}</details>"
    )


def _text(text: str, look: Look) -> str:
    shown, is_all = rules.cut(text)
    rest = "" if is_all else f'<p class="soft">{look.word("cut")}</p>'
    return f"<pre>{escape(shown)}</pre>{rest}"
