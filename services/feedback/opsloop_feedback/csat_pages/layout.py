"""The page of the question as HTML: no script, nothing loaded, by day and night. What others wrote stands in it as text."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from opsloop_common.http.headers import page_policy, source_of
from opsloop_feedback.csat_pages.words import SCORES, WORDS

COMMENT_CHARACTERS = 2_000
_TAGS = ("en", "zh-CN")
_NAMES = ("English", "中文")
_CODES = ("en", "zh")
_STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#1b1b1f,#e6e6e9);--soft:light-dark(#57606a,#a5adb8);--line:light-dark(#8b929a,#6b7280);
--page:light-dark(#fff,#16181c);--band:light-dark(#f5f6f8,#1f2328);--bad:light-dark(#b3261e,#ff9d94);--accent:light-dark(#1f5fbf,#8ab4f8);
--on:light-dark(#fff,#10131a)}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,"PingFang SC","Hiragino Sans GB","Microsoft YaHei",
"Noto Sans CJK SC",sans-serif}
:lang(zh){line-height:1.7}
header,main{max-width:34rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;justify-content:flex-end;padding-top:1rem}
header a{min-height:2.75rem;display:inline-flex;align-items:center}
main{padding-bottom:3rem}
h1{font-size:1.5rem;line-height:1.35;margin:.5rem 0 1rem;overflow-wrap:anywhere}
p{margin:0 0 1.25rem;overflow-wrap:anywhere}
fieldset{border:0;padding:0;margin:0 0 1.5rem;min-width:0}
legend,.label{display:block;font-weight:600;padding:0;margin:0 0 .5rem}
.soft{color:var(--soft);font-weight:400;font-size:.875rem}
.about{border-left:4px solid var(--line);padding:.25rem .75rem;background:var(--band)}
.tick{display:flex;gap:.75rem;align-items:center;min-height:2.75rem;padding:.25rem .75rem;border:1px solid var(--line);
border-radius:.375rem;margin:0 0 .5rem;cursor:pointer}
.tick:has(:checked){border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
.tick input{width:1.25rem;height:1.25rem;margin:0;flex:none;accent-color:var(--accent)}
.tick b{font-variant-numeric:tabular-nums;min-width:1ch}
textarea{width:100%;font:inherit;color:inherit;background:var(--page);border:1px solid var(--line);border-radius:.375rem;
padding:.625rem .75rem;min-height:7rem;resize:vertical}
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.75rem;border-radius:.375rem;border:1px solid var(--accent);
background:var(--accent);color:var(--on);cursor:pointer}
.notice{border:1px solid var(--bad);border-left-width:4px;background:var(--band);padding:.75rem 1rem;border-radius:.25rem;
margin:0 0 1.25rem}
a{color:inherit}
:focus-visible{outline:3px solid var(--ink);outline-offset:2px}[tabindex="-1"]:focus{outline:0}
"""
POLICY = f"{page_policy(styles=[source_of(_STYLE)])}; sandbox allow-forms allow-same-origin"


@dataclass(frozen=True)
class Look:
    """What is asked about which post, and in which language (0 English, 1 Chinese)."""

    number: int
    title: str
    token: str
    language: int

    def word(self, name: str) -> str:
        """Return a text of the page, as HTML."""
        return escape(WORDS[name][self.language])

    def link(self, *, language: int | None = None) -> str:
        """Return the address of the question, as HTML, in the same language unless another is named."""
        code = _CODES[self.language if language is None else language]
        return escape(f"?token={self.token}&lang={code}", quote=True)


def language_of(wanted: str | None, *, is_chinese: bool) -> int:
    """Return the language that somebody turned to, or else the post's."""
    return _CODES.index(wanted) if wanted in _CODES else int(is_chinese)


def question_page(look: Look, *, score: int | None, comment: str, flaw: str | None = None) -> str:
    """Return the page that asks, with what was answered or typed before, and what is to be mended of it."""
    notice = ""
    if flaw is not None:
        notice = (
            f'<div class="notice" id="notice" tabindex="-1" role="alert"><b>{look.word("error")}</b><br>'
            f"{look.word(flaw)}</div>"
        )
    ticks = "".join(_tick(look, each, is_chosen=each == score) for each in range(5, 0, -1))
    body = (
        f"<h1>{look.word('question')}</h1>{notice}"
        f'<p class="about"><span class="soft">{look.word("about")} #{look.number}</span><br>{escape(look.title)}</p>'
        f'<form method="post" action="{look.link()}#notice"><fieldset><legend>{look.word("scale")}</legend>{ticks}</fieldset>'
        f'<p><label class="label" for="comment">{look.word("comment")} <span class="soft">{look.word("optional")}</span></label>'
        f'<textarea id="comment" name="comment" maxlength="{COMMENT_CHARACTERS}">{escape(comment)}</textarea></p>'
        f"<button>{look.word('send')}</button></form>"
    )
    return _whole(look, "question" if flaw is None else "error", body)


def _tick(look: Look, score: int, *, is_chosen: bool) -> str:
    chosen = " checked" if is_chosen else ""
    return (
        f'<label class="tick"><input type="radio" name="score" id="score-{score}" value="{score}"{chosen}>'
        f"<b>{score}</b> {escape(SCORES[score - 1][look.language])}</label>"
    )


def thanks_page(look: Look, *, score: int, is_final: bool) -> str:
    """Return the page that says what was answered, and how to change that."""
    said = look.word("answered" if is_final else "thanks_text")
    again = "" if is_final else f'<p><a href="{look.link()}">{look.word("again")}</a></p>'
    chosen = f"<b>{score}</b> · {escape(SCORES[score - 1][look.language])}"
    return _whole(
        look,
        "thanks",
        f'<h1 id="notice" tabindex="-1">{look.word("thanks")}</h1><p class="about">#{look.number} · {chosen}</p>'
        f'<p role="status">{said}</p>{again}',
        turns=is_final,
    )


def _whole(look: Look, title: str, body: str, *, turns: bool = True) -> str:
    other = 1 - look.language
    turn = f'<a href="{look.link(language=other)}" lang="{_TAGS[other]}">{_NAMES[other]}</a>' if turns else ""
    return (
        f'<!doctype html><html lang="{_TAGS[look.language]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{look.word(title)} · #{look.number}</title><style>{_STYLE}</style></head>"
        f'<body><header>{turn}</header><main id="main">{body}</main></body></html>'
    )
