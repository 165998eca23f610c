"""The frame of a mail: one column, readable by day and by night, in programs that know little of CSS."""

from __future__ import annotations

from html import escape

_FONT = "system-ui,-apple-system,'Segoe UI','PingFang SC','Hiragino Sans GB','Microsoft YaHei','Noto Sans CJK SC',sans-serif"
_DARK = (
    "@media (prefers-color-scheme:dark){.ol-page{background-color:#1b1b1f!important}"
    ".ol-card{background-color:#26272b!important;color:#e6e6e9!important}.ol-a{color:#a8c7fa!important}"
    ".ol-pre{background-color:#33343a!important}.ol-foot{color:#a3a7ae!important}}"
)
_END = "</td></tr></table></td></tr></table></body></html>\n"
_FROM_THE_RIGHT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_WIDE = frozenset({"zh", "ja", "yue", "wuu"})
# blanks after the preheader, so that a list of mails does not go on with the text
_SPACER = "&#847;&zwnj;&nbsp;" * 40


def in_frame(content: str, *, locale: str, subject: str, preheader: str) -> str:
    """Return the HTML of a mail; `content` is HTML, subject and preheader are text."""
    language = locale.lower().partition("-")[0]
    line_height = "1.7" if language in _WIDE else "1.5"
    direction = "rtl" if language in _FROM_THE_RIGHT else "ltr"
    return (
        f'<!doctype html><html lang="{escape(locale)}" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{escape(subject)}</title><style>:root{{color-scheme:light dark}}{_DARK}</style></head>"
        '<body class="ol-page" style="margin:0;padding:0;background-color:#f4f4f6">'
        '<div style="display:none;max-height:0;overflow:hidden;opacity:0">'
        f"{escape(preheader)}{_SPACER}</div>"
        '<table role="presentation" class="ol-page" width="100%" cellpadding="0" cellspacing="0" border="0" '
        'style="background-color:#f4f4f6"><tr><td align="center" style="padding:24px 12px">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:600px">'
        '<tr><td class="ol-card" style="padding:28px 24px;background-color:#ffffff;color:#1b1b1f;border-radius:8px;'
        f"font-family:{_FONT};font-size:16px;line-height:{line_height};text-align:{'right' if direction == 'rtl' else 'left'};"
        'overflow-wrap:anywhere">'
        f"{content}{_END}"
    )


def with_foot(html: str, foot: str) -> str:
    """Return a mail of `in_frame` with a line below its column; `foot` is HTML. What is in no frame stays as it is."""
    if not html.endswith(_END):
        return html
    below = (
        f'</td></tr><tr><td class="ol-foot" style="padding:16px 24px;color:#5f6368;font-family:{_FONT};font-size:13px">'
    )
    return f"{html.removesuffix(_END)}{below}{foot}{_END}"
