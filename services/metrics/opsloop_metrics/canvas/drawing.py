"""SVG as text: whatever is no `Markup` is encoded, so what strangers wrote is shown and never read as anything else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from html import escape

WIDTH, MARGIN = 880, 28
INNER = WIDTH - 2 * MARGIN
COLOURS = 8
LIGHT = ("#0072b2", "#d55e00", "#00795a", "#a8518a", "#3d8fc4", "#a36f00", "#5b6570", "#7d2a52")
DARK = ("#58a6e8", "#ff8f57", "#3fc79a", "#e496c6", "#9dd3f5", "#efb94f", "#aab4bf", "#d985ab")
"""After Okabe and Ito, told apart by colour-blind eyes, moved to keep 3:1 against the background of each scheme."""
_READ = 1_000  # characters of a text that are looked at: more are never shown
_UNDRAWABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # would turn the rest of the line round


class Markup(str):
    """A text that is SVG already."""

    __slots__ = ()


def element(name: str, *content: str, **attributes: str | float | None) -> Markup:
    """Return an element; `class_` and `stroke_width` are `class` and `stroke-width`, None leaves an attribute out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_written(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{joined(content)}</{name}>" if content else f"<{name}{given}/>")


def joined(parts: Iterable[str]) -> Markup:
    """Return parts one after the other, encoded where they are plain text."""
    return Markup("".join(part if isinstance(part, Markup) else escape(clean(part)) for part in parts))


def clean(text: str) -> str:
    """Return a text as one line that XML may hold and that turns nothing round."""
    return " ".join(_TURNS.sub("", _UNDRAWABLE.sub("\ufffd", text)).split())


def _written(value: str | float) -> str:
    return clean(value) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, said: str, *, css: str = "ink", size: float = 12, anchor: str | None = None) -> Markup:
    """Return a line of text; `anchor` is `middle` or `end` where it does not start at `x`."""
    return element("text", said, x=x, y=y, class_=css, font_size=size, text_anchor=anchor)


def width_of(said: str, size: float = 12) -> float:
    """Return about how wide a text is drawn: fonts differ, so rather too wide."""
    return sum(_em(character) for character in said) * size


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    return 0.74 if character.isupper() else 0.61


def cut(said: str, room: float, size: float = 12) -> str:
    """Return as much of a text as has room, with an ellipsis where something is left out."""
    whole = clean(said[:_READ])
    if len(said) <= _READ and width_of(whole, size) <= room:
        return whole
    left, shown = room - size, ""
    for character in whole:
        left -= _em(character) * size
        if left < 0:
            break
        shown += character
    return shown.rstrip() + "…"


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=css)


def rect(x: float, y: float, width: float, height: float, css: str, *, tip: str = "", radius: float = 0) -> Markup:
    """Return a rectangle; `tip` is what a pointer is told."""
    inside = [element("title", tip)] if tip else []
    return element("rect", *inside, x=x, y=y, width=max(width, 0), height=max(height, 0), class_=css, rx=radius or None)


def legend(names: Iterable[tuple[str, str]], y: float) -> Markup:
    """Return squares of colour (their classes) with names, in one row for as long as there is room."""
    parts: list[Markup] = []
    x: float = MARGIN
    named = list(names)
    room = INNER / max(len(named), 1) - 34  # what is shorter leaves its room to nobody, and none is cut below 180
    for css, name in named:
        shown = cut(name, max(room, 180))
        wide = width_of(shown) + 34
        if x + wide > WIDTH - MARGIN:
            break
        parts += [rect(x, y - 9, 10, 10, css, radius=2), text(x + 15, y, shown, css="soft")]
        x += wide
    return joined(parts)


def document(body: str, *, title: str, description: str, subtitle: str, height: float, language: str) -> str:
    """Return the whole SVG: title and description for those who hear it, its own style for light and dark, nothing from elsewhere."""
    label = {"aria-labelledby": "title desc", "xml:lang": language, "lang": language}
    inside = [
        element("title", cut(title, 4_000), id="title"),
        element("desc", description, id="desc"),
        element("style", Markup(STYLE)),
        rect(0, 0, WIDTH, height, "ground"),
        text(MARGIN, 38, cut(title, INNER / 1.2, 19), css="ink strong", size=19),
        text(MARGIN, 60, cut(subtitle, INNER, 13), css="soft", size=13),
        Markup(body),
    ]
    head = "".join(f' {name}="{escape(value)}"' for name, value in label.items())
    size = f"{height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{WIDTH}" height="{size}" '
        f'viewBox="0 0 {WIDTH} {size}"{head}>{joined(inside)}</svg>\n'
    )


def _scheme(colours: tuple[str, ...], *, ground: str, ink: str, soft: str, rule: str, on: str, middle: str) -> str:
    series = "".join(f".f{place}{{fill:{each}}}.s{place}{{stroke:{each}}}" for place, each in enumerate(colours))
    return (
        f".ground{{fill:{ground}}}.ink{{fill:{ink}}}.soft{{fill:{soft}}}.ghost{{fill:{rule}}}.rule{{stroke:{rule}}}"
        f".axis,.mark{{stroke:{soft}}}.dot{{stroke:{ground}}}.on{{fill:{on}}}.middle{{fill:{middle}}}.unsure{{stroke:{soft}}}{series}"
    )


STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI','Noto Sans','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',"
    "'Noto Sans SC','WenQuanYi Micro Hei','DejaVu Sans',sans-serif;font-variant-numeric:tabular-nums}"
    ".strong{font-weight:600}.line{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}"
    ".thin{stroke-width:1;opacity:.45}.before{stroke-width:1.5;stroke-dasharray:5 4;opacity:.6;stroke-linecap:butt}"
    ".open{stroke-dasharray:.1 5;stroke-linecap:round}.rule,.axis{stroke-width:1}.mark{stroke-width:1;stroke-dasharray:2 3}"
    ".dot{stroke-width:1.5}.unsure{fill:none;stroke-width:1;stroke-dasharray:2 2}.pale{opacity:.35}.ribbon{opacity:.28}.band{opacity:.16}"
    + _scheme(LIGHT, ground="#ffffff", ink="#1f2328", soft="#59636e", rule="#e3e7eb", on="#ffffff", middle="#1f2328")
    + "@media(prefers-color-scheme:dark){"
    + _scheme(DARK, ground="#14181d", ink="#e8ecf0", soft="#a3adb8", rule="#2b3138", on="#10151a", middle="#10151a")
    + "}"
)
