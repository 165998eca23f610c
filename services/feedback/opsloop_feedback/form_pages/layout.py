"""The page of a form as HTML: no script, nothing loaded, by day and night. All that others wrote stands in it as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

from opsloop_common.http.headers import page_policy, source_of
from opsloop_feedback.form_pages.rules import BODY, LONGEST, SHOWN, TRAP
from opsloop_feedback.form_pages.words import KINDS, RATINGS, WORDS, Pair
from opsloop_feedback.forms.rules import Ask, accents, key_of

_NOTHING: Mapping[str, Any] = {}
_TAGS = {"en": "en", "zh": "zh-CN"}
_NAMES = {"en": "English", "zh": "中文"}
_TYPES = {
    Ask.EMAIL: ' type="email" autocomplete="email" inputmode="email"',
    Ask.NAME: ' type="text" autocomplete="name"',
}
_STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#1b1b1f,#e6e6e9);--soft:light-dark(#57606a,#a5adb8);--line:light-dark(#8b929a,#6b7280);
--page:light-dark(#fff,#16181c);--band:light-dark(#f5f6f8,#1f2328);--bad:light-dark(#b3261e,#ff9d94);--accent:ACCENT;--on:ON}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,"PingFang SC","Hiragino Sans GB","Microsoft YaHei",
"Noto Sans CJK SC",sans-serif}
:lang(zh){line-height:1.7}
header,main{max-width:38rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;justify-content:flex-end;padding-top:1rem}
main{padding-bottom:3rem}
h1{font-size:1.75rem;line-height:1.3;margin:.5rem 0 .75rem;overflow-wrap:anywhere}
p{margin:0 0 1rem;overflow-wrap:anywhere;white-space:pre-line}
.field{margin:0 0 1.25rem}fieldset{border:0;padding:0;margin:0 0 1.25rem;min-width:0}
label,legend{display:block;font-weight:600;padding:0;margin:0 0 .25rem}
.soft{color:var(--soft);font-weight:400;font-size:.875rem}
input[type=text],input[type=email],textarea,select{width:100%;font:inherit;color:inherit;background:var(--page);
border:1px solid var(--line);border-radius:.375rem;padding:.625rem .75rem;min-height:2.75rem}
textarea{min-height:9rem;resize:vertical}
input[aria-invalid],textarea[aria-invalid],select[aria-invalid]{border-color:var(--bad);border-width:2px}
.flaw{color:var(--bad);margin:.25rem 0 0;font-size:.875rem}.flaw::before{content:"▲ "}
.notice{border:1px solid var(--bad);border-left-width:4px;background:var(--band);padding:.75rem 1rem;border-radius:.25rem;
margin:0 0 1.25rem}.notice ul{margin:.5rem 0 0;padding-left:1.25rem}
a{color:inherit}
.scale{display:flex;flex-wrap:wrap;gap:.25rem .5rem}
.tick{display:flex;gap:.5rem;align-items:center;font-weight:400;min-height:2.75rem;margin:0;padding-right:.5rem}
.tick input{width:1.25rem;height:1.25rem;margin:0;flex:none}
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.75rem;border-radius:.375rem;border:1px solid var(--line);
background:var(--accent);color:var(--on);cursor:pointer}
button.turn{background:none;color:inherit;font-weight:400;padding:.25rem .75rem;border-color:transparent;text-decoration:underline}
:focus-visible{outline:3px solid var(--ink);outline-offset:2px}[tabindex="-1"]:focus{outline:0}
.trap,.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem}
.reference{font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere;user-select:all}
"""


@dataclass(frozen=True)
class Look:
    """A form in a language, and the other one that it has."""

    form: Any
    language: str
    other: str | None

    @property
    def text(self) -> Mapping[str, Any]:
        """Return what the form says in the language."""
        return next(text for text in self.form.texts if text["locale"] == self.language)

    def pick(self, pair: Pair) -> str:
        """Return one of a pair of texts, as HTML."""
        return escape(pair[self.language == "zh"])

    def word(self, name: str) -> str:
        """Return a text of the page by its name, as HTML."""
        return self.pick(WORDS[name])

    def said(self, words: Mapping[str, str | None]) -> tuple[str, str]:
        """Return words of the form's maker with their language, which is another where they have none in this one."""
        language = self.language if words[self.language] is not None else next(filter(words.get, words))
        return words[language] or "", _TAGS[language]

    def own(self, words: Mapping[str, str | None]) -> str:
        """Return words of the form's maker, as HTML."""
        said, tag = self.said(words)
        return escape(said) if tag == _TAGS[self.language] else f'<span lang="{tag}">{escape(said)}</span>'


@lru_cache(maxsize=256)
def _style(accent: str | None) -> str:
    ground, words = accents(accent)
    return _STYLE.replace("ACCENT", ground).replace("ON}", f"{words}}}")


@lru_cache(maxsize=256)
def policy(accent: str | None) -> str:
    """Return the Content-Security-Policy of a form's page in its colour."""
    return f"{page_policy(styles=[source_of(_style(accent))])}; sandbox allow-forms allow-same-origin"


def form_page(
    look: Look,
    token: str,
    typed: Mapping[str, str] = _NOTHING,
    *,
    flaws: Mapping[str, Pair] = _NOTHING,
    notice: Pair | None = None,
) -> str:
    """Return the page that asks, with what was typed, and what is to be mended of it."""
    form, text = look.form, look.text
    asked = [{"ask": BODY, "name": None, "label": None, "required": True, "options": []}, *form.fields]
    fields = "".join(_field(field, look, typed.get(key_of(field), ""), flaws) for field in asked)
    intro = f"<p>{escape(text['intro'])}</p>" if text["intro"] else ""
    body = (
        f"<h1>{escape(text['title'])}</h1>{intro}{_notice(look, notice, asked, flaws)}"
        # what the answer has to say is where the address leads, and so has the focus: a page without script has no other way
        f'<form method="post" id="form" action="{escape(form.slug)}#notice" enctype="multipart/form-data" novalidate>'
        f'<input type="hidden" name="{SHOWN}" value="{escape(token)}"><input type="hidden" name="lang" value="{look.language}">'
        f'<div class="trap" aria-hidden="true"><label for="{TRAP}">{look.word("trap")}</label>'
        f'<input id="{TRAP}" name="{TRAP}" type="text" tabindex="-1" autocomplete="off"></div>'
        f"{fields}<button>{look.word('send')}</button></form>"
    )
    turn = ""
    if look.other is not None:  # a button of the form: what was typed goes along
        turn = (  # Enter in a field presses the first button, which must not be the switch
            '<button class="trap" form="form" tabindex="-1" aria-hidden="true"></button>'
            f'<button class="turn" form="form" name="turn" value="{look.other}" lang="{_TAGS[look.other]}">'
            f"{_NAMES[look.other]}</button>"
        )
    title = f"{WORDS['error'][look.language == 'zh']} · {text['title']}" if notice else text["title"]
    return _whole(look, title, body, turn)


def sent_page(look: Look, reference: str | None, seen_by: str | None) -> str:
    """Return the page that says that what was sent has arrived."""
    said = escape(look.text["thanks"]) if look.text["thanks"] else look.word("thanks_text")
    named = f'<p>{look.word("reference")}<br><span class="reference">{reference}</span></p>' if reference else ""
    seen = f'<p><a href="../../feedback?token={seen_by}">{look.word("see")}</a></p>' if seen_by else ""
    body = (
        f'<h1 id="notice" tabindex="-1">{look.word("thanks")}</h1><p role="status">{said}</p>{named}{seen}'
        f'<p><a href="../{escape(look.form.slug)}?lang={look.language}">{look.word("another")}</a></p>'
    )
    return _whole(look, WORDS["thanks"][look.language == "zh"], body, "")


def _whole(look: Look, title: str, body: str, turn: str) -> str:
    return (
        f'<!doctype html><html lang="{_TAGS[look.language]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_style(look.form.accent)}</style></head><body>"
        f'<a class="skip" href="#main">{look.word("skip")}</a><header>{turn}</header><main id="main">{body}</main></body></html>'
    )


def _notice(look: Look, notice: Pair | None, asked: Iterable[Mapping[str, Any]], flaws: Mapping[str, Pair]) -> str:
    if notice is None:
        return ""
    links = "".join(
        f'<li><a href="#{escape(key_of(field))}">{_label(field, look)}</a></li>'
        for field in asked
        if key_of(field) in flaws
    )
    return f'<div class="notice" id="notice" role="alert" tabindex="-1">{look.pick(notice)}{f"<ul>{links}</ul>" if links else ""}</div>'


def _label(field: Mapping[str, Any], look: Look) -> str:
    if field["ask"] == BODY and look.text["asks"]:
        return escape(look.text["asks"])
    return look.own(field["label"]) if field["label"] else look.word(field["ask"])


def _field(field: Mapping[str, Any], look: Look, typed: str, flaws: Mapping[str, Pair]) -> str:
    ask, key, label = field["ask"], key_of(field), _label(field, look)
    flaw = flaws.get(key)
    if not field["required"]:
        label += f' <span class="soft">{look.word("optional")}</span>'
    notes = [f"{key}.hint"] * (ask == Ask.EMAIL) + [f"{key}.flaw"] * (flaw is not None)
    attributes = f' id="{key}" name="{key}"'
    if field["required"]:
        attributes += " required"
    if notes:
        attributes += f' aria-describedby="{" ".join(notes)}"'
    if flaw is not None:
        attributes += ' aria-invalid="true"'
    below = f'<p class="soft" id="{key}.hint">{look.word("email_hint")}</p>' if ask == Ask.EMAIL else ""
    if flaw is not None:
        below += f'<p class="flaw" id="{key}.flaw">{look.pick(flaw)}</p>'
    match ask:
        case Ask.RATING:
            return _scale(look, label, attributes, typed, below)
        case Ask.YES:
            box = f'<input type="checkbox" value="yes"{attributes}{" checked" if typed else ""}>'
            return f'<div class="field"><label class="tick">{box}{label}</label>{below}</div>'
        case _:
            return f'<div class="field"><label for="{key}">{label}</label>{_control(field, look, attributes, typed)}{below}</div>'


def _control(field: Mapping[str, Any], look: Look, attributes: str, typed: str) -> str:
    ask, most = field["ask"], LONGEST.get(field["ask"])
    if ask == BODY:
        return f'<textarea{attributes} maxlength="{most}" rows="6">\n{escape(typed)}</textarea>'
    if ask in (Ask.KIND, Ask.CHOICE):
        choices = {value: (pair[look.language == "zh"], _TAGS[look.language]) for value, pair in KINDS.items()}
        if ask == Ask.CHOICE:
            choices = {option["value"]: look.said(option["label"]) for option in field["options"]}
        options = "".join(_option(value, *words, typed) for value, words in choices.items())
        return f'<select{attributes}><option value="">{look.word("choose")}</option>{options}</select>'
    kind = _TYPES.get(ask, ' type="text"')
    return f'<input{kind}{attributes} maxlength="{most}" value="{escape(typed)}">'


def _option(value: str, words: str, tag: str, typed: str) -> str:
    chosen = " selected" if value == typed else ""
    return f'<option value="{escape(value)}" lang="{tag}"{chosen}>{escape(words)}</option>'


def _scale(look: Look, legend: str, attributes: str, typed: str, below: str) -> str:
    def one(value: str, pair: Pair) -> str:
        own = attributes if value == "1" else ' name="rating"'
        chosen = " checked" if value == typed else ""
        return (
            f'<label class="tick"><input type="radio" value="{value}"{own}{chosen}>{value} · {look.pick(pair)}</label>'
        )

    marks = "".join(one(value, pair) for value, pair in RATINGS.items())
    return f'<fieldset><legend>{legend}</legend><div class="scale">{marks}</div>{below}</fieldset>'
