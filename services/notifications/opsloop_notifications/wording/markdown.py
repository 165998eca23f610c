"""Markdown as the HTML of a mail, with a style on each element, and as a text that says the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["html_block", "html_inline"])
STYLES: Mapping[str, str] = {
    "a": "color:#0b57d0;text-decoration:underline",
    "p": "margin:0 0 16px",
    "h1": "margin:0 0 16px;font-size:24px;line-height:1.3",
    "h2": "margin:24px 0 12px;font-size:20px;line-height:1.3",
    "h3": "margin:20px 0 8px;font-size:16px;line-height:1.4",
    "ul": "margin:0 0 16px;padding:0 0 0 24px",
    "ol": "margin:0 0 16px;padding:0 0 0 24px",
    "blockquote": "margin:0 0 16px;padding:0 0 0 12px;border-left:3px solid #c4c7c5",
    "hr": "margin:24px 0;border:0;border-top:1px solid #c4c7c5",
    "img": "max-width:100%;height:auto;border:0",
    "code": "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:14px",
    "pre": "margin:0 0 16px;padding:12px;overflow:auto;white-space:pre-wrap;background-color:#f1f3f4",
    "table": "margin:0 0 16px;border-collapse:collapse",
    "th": "padding:6px 12px 6px 0;border-bottom:2px solid #c4c7c5;font-weight:600",
    "td": "padding:6px 12px 6px 0;border-bottom:1px solid #c4c7c5;vertical-align:top",
}
_CLASSES = {"a": "ol-a", "pre": "ol-pre", "code": "ol-code"}
"""What looks otherwise in the dark."""
_PRE = f'<pre style="{STYLES["pre"]}" class="{_CLASSES["pre"]}">'
_ALLOWED = frozenset({
    "a", "b", "blockquote", "br", "caption", "code", "div", "em", "h1", "h2", "h3", "h4", "hr", "i", "img", "li",
    "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead",
    "tr", "u", "ul",
})  # fmt: skip
_ATTRIBUTES = {
    "*": {"style", "dir", "lang", "align"},
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "table": {"width", "cellpadding", "cellspacing", "role"},
    "td": {"colspan", "rowspan", "width", "valign"},
    "th": {"colspan", "rowspan", "width", "valign"},
}
_PROPERTIES = frozenset({
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius",
    "border-right", "border-top", "color", "display", "font-family", "font-size", "font-style", "font-weight",
    "height", "letter-spacing", "line-height", "list-style-type", "margin", "margin-bottom", "margin-left",
    "margin-right", "margin-top", "max-width", "min-width", "padding", "padding-bottom", "padding-left",
    "padding-right", "padding-top", "text-align", "text-decoration", "vertical-align", "white-space", "width",
})  # fmt: skip


def to_html(source: str) -> str:
    """Return Markdown as HTML with inline styles; HTML in it is shown as text, and links lead to addresses of the web and of mail."""
    tokens = _MARKDOWN.parse(source)
    for token in _flat(tokens):
        if token.nesting < 0 or token.tag not in STYLES:
            continue
        aligned = token.attrGet("style") or ("text-align:start" if token.tag == "th" else None)
        token.attrSet("style", ";".join(filter(None, (STYLES[token.tag], aligned and str(aligned)))))
        if token.tag in _CLASSES:
            token.attrSet("class", _CLASSES[token.tag])
    # the only element whose attributes markdown-it gives to another, the code in it; what somebody wrote is escaped
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})).replace("<pre>", _PRE)


def clean(html: str) -> str:
    """Return HTML with the elements, attributes and styles that a mail may have, and nothing else."""
    return nh3.clean(
        html,
        tags=set(_ALLOWED),
        attributes={name: set(allowed) for name, allowed in _ATTRIBUTES.items()},
        url_schemes={"http", "https", "mailto"},
        filter_style_properties=set(_PROPERTIES),
        link_rel=None,
    )


def images_without_words(source: str) -> int:
    """Return how many images of a Markdown say nothing to who does not see them."""
    return sum(token.type == "image" and not token.content.strip() for token in _flat(_MARKDOWN.parse(source)))


def _flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


def to_text(source: str) -> str:
    """Return Markdown as a text that reads well by itself: lists keep their marks, links show where they lead."""
    lines: list[str] = []
    prefixes: list[str] = []
    counts: list[int | None] = []
    cells: list[str] | None = None
    mark = ""
    for token in _MARKDOWN.parse(source):
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                counts.append(int(token.attrGet("start") or 1) if token.type.startswith("ordered") else None)
            case "bullet_list_close" | "ordered_list_close":
                counts.pop()
                if not counts:
                    lines.append("")
            case "list_item_open":
                number = counts[-1]
                mark = "- " if number is None else f"{number}. "
                counts[-1] = None if number is None else number + 1
                prefixes.append(" " * len(mark))
            case "list_item_close":
                prefixes.pop()
            case "blockquote_open":
                prefixes.append("> ")
            case "blockquote_close":
                last = "".join(prefixes).rstrip()
                prefixes.pop()
                if lines and lines[-1] == last:
                    lines[-1] = "".join(prefixes).rstrip()
            case "tr_open":
                cells = []
            case "tr_close":
                lines.append("".join(prefixes) + " | ".join(cells or ()))
                cells = None
            case "table_close":
                lines.append("".join(prefixes).rstrip())
            case "inline" if cells is not None:
                cells.append(_words(token))
            case "inline" | "fence" | "code_block" | "hr":
                before = "".join(prefixes)
                for line in _words(token).split("\n"):
                    lines.append(f"{before[: len(before) - len(mark)]}{mark}{line}" if mark else f"{before}{line}")
                    mark = ""
                if not counts:
                    lines.append("".join(prefixes).rstrip())
            case _:
                pass
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def _words(token: Token) -> str:
    if token.type == "hr":
        return "---"
    if token.type != "inline":
        return token.content.rstrip("\n")
    said: list[str] = []
    links: list[tuple[int, str]] = []
    for child in token.children or ():
        match child.type:
            case "text" | "code_inline" | "image" | "text_special":
                said.append(child.content)
            case "softbreak" | "hardbreak":
                said.append("\n")
            case "link_open":
                links.append((len(said), str(child.attrGet("href") or "")))
            case "link_close":
                begin, address = links.pop()
                if "".join(said[begin:]) != address.removeprefix("mailto:"):
                    said.append(f" ({address.removeprefix('mailto:')})")
            case _:
                pass
    return "".join(said)
