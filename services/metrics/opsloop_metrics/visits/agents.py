"""What a user agent says: browser, system, kind of device, and whether a program looked instead of a person.

The knowledge is ua-parser's and crawler-user-agents', both run by ua-parser's regex engine, whose time grows linearly whatever
stands in the text (docs/decisions/0042). What they lack, mostly Chinese apps, stands here as further patterns of the same kind.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import import_module
from typing import NamedTuple

from ua_parser import Domain
from ua_parser.lazy import OSMatcher, UserAgentMatcher
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

MAX_USER_AGENT = 1_000
"""Characters that are looked at; a browser sends 100 to 400."""
REMEMBERED = 2_048
"""User agents whose meaning is kept at hand: at most 8 MB, if all are as long and as strange as can be."""

BROWSERS = (
    ("(wxwork)/(\\d+)\\.(\\d+)", "WeCom"),
    ("(MicroMessenger)/(\\d+)\\.(\\d+)", "WeChat"),
    ("(AlipayClient)/(\\d+)\\.(\\d+)", "Alipay"),
    ("AliApp\\((AP)/(\\d+)\\.(\\d+)", "Alipay"),
    ("AliApp\\((TB)/(\\d+)\\.(\\d+)", "Taobao"),
    ("AliApp\\((TM)/(\\d+)\\.(\\d+)", "Tmall"),
    ("(DingTalk)/(\\d+)\\.(\\d+)", "DingTalk"),
    ("(Feishu|Lark)/(\\d+)\\.(\\d+)", "Feishu"),
    ("(baiduboxapp)/(\\d+)\\.(\\d+)", "Baidu"),
    ("(AppName/aweme).* app_version/(\\d+)\\.(\\d+)", "Douyin"),
    ("(aweme)(?:/(\\d+)\\.(\\d+))?", "Douyin"),
    ("(NewsArticle)/(\\d+)\\.(\\d+)", "Toutiao"),
    ("(Kwai|ksNebula)/(\\d+)\\.(\\d+)", "Kuaishou"),
    ("(?i)(xiaohongshu|xhsdiscover)(?:/(\\d+)\\.(\\d+))?", "Xiaohongshu"),
    ("(BiliApp)/(\\d)(\\d+)?", "Bilibili"),
    ("(ZhihuHybrid)", "Zhihu"),
    ("(jdapp);(?:iPhone|iPad|android);(\\d+)\\.(\\d+)", "JD"),
    ("(?:^|[ )])(QQ)/(\\d+)\\.(\\d+)", "QQ"),
    ("(Quark|QuarkPC)/(\\d+)\\.(\\d+)", "Quark"),
    ("(QIHU 360SE|360SE|QHBrowser|360browser)(?:/(\\d+)\\.(\\d+))?", "360"),
    ("(ArkWeb)/(\\d+)\\.(\\d+)\\S*(?: Mobile)?$", "ArkWeb"),
)
"""Pattern (family, major, minor) and name; asked before the library's."""
SYSTEMS = (
    ("(HarmonyOS|OpenHarmony)[ /;]*(\\d+)?\\.?(\\d+)?", "HarmonyOS"),
    ("(PlayStation|Nintendo|Xbox)", "$1"),
)
OURS = {"Mac OS X": "macOS", "ATV OS X": "tvOS", "Web0S": "webOS"}
"""What we call a system otherwise than the library."""

NOT_BOTS = frozenset(
    {
        "AP3A\\.240617\\.008",  # the build of Android 15 on phones of several makers
        "Code\\/1\\.", "Fluid", "Podimo", "Sogou", "Viber", "WhatsApp",  # browsers and apps in which people open pages
        "Butterfly", "Expanse", "Fever", "Sonic",  # models of phones
    }
)  # fmt: skip
"""Patterns of the list that people's devices fit, by 37,000 user agents of people's devices (docs/decisions/0042)."""
BOTS = (
    "^(?:WhatsApp|Viber)/",  # previews of links; the apps themselves begin with Mozilla
    "(?i)sogou[^;)]*spider",
    "\\+https?://",
    "(?i)(?:^|[^u])bot(?:[/);:]|$)",  # not phones of Cubot
    "(?i)compatible; [^;)]*(?:bot|crawler|spider)",
)
"""What programs that nobody has listed yet say of themselves."""

_CONSOLE = re.compile(r"PlayStation|Nintendo|Xbox")
_TV = re.compile(
    r"Smart-?TV|SMART-TV|AppleTV|HbbTV|BRAVIA|Roku|\bAFT[A-Z]|Web0S|CrKey|VIDAA|NetCast|MiTV|MiBOX|\b(?:Google|Android)?TV\b"
)
_TABLET = re.compile(r"iPad|[Tt]ablet|TABLET|PlayBook|Kindle|\bKF[A-Z]{3,}\b|\bMatePad\b|\b(?:Mi|MI|) ?P(?:ad|AD)\b")
_MOBILE = re.compile(r"Mobi|iPhone|iPod|\(Phone;|Phone OS|BlackBerry|Dalvik|CFNetwork")
_DESKTOP = re.compile(r"Windows|Macintosh|X11|Linux|CrOS|\(PC;")


class Agent(NamedTuple):
    """What looks at a page. Texts are empty where nobody knows; `device`: desktop, mobile, tablet, tv, console or bot."""

    browser: str = ""
    browser_version: str = ""
    os: str = ""
    device: str = ""
    is_bot: bool = False


def agent_of(user_agent: str | None) -> Agent:
    """Return what a user agent says.

    None is a client that has none to tell, such as a server's SDK, and nothing is known; an empty one is what no browser sends, so a
    program's. Libraries that fetch over HTTP are no bots: apps and servers send their events with them.
    """
    if user_agent is None:
        return Agent()
    return _read(user_agent[:MAX_USER_AGENT].strip())


@lru_cache(maxsize=REMEMBERED)
def _read(text: str) -> Agent:
    if not text:
        return Agent(device="bot", is_bot=True)
    known = _browsers()(text, Domain.USER_AGENT | Domain.OS)
    browser, system = known.user_agent, known.os
    is_bot = _bots()(text, Domain.USER_AGENT).user_agent is not None
    return Agent(
        browser=browser.family if browser else "",
        browser_version=".".join(filter(None, (browser.major, browser.minor))) if browser else "",
        os=OURS.get(system.family, system.family) if system else "",
        device="bot" if is_bot else _device(text, system.family if system else ""),
        is_bot=is_bot,
    )


def _device(text: str, system: str) -> str:
    """Return the kind of device. An iPad that asks for desktop pages says that it is a Mac, and counts as one."""
    # each pattern is a choice of words, without repetition inside: no text makes it slow
    if _CONSOLE.search(text):
        return "console"
    if _TV.search(text):
        return "tv"
    if _TABLET.search(text):
        return "tablet"
    if system == "Mac OS X":
        return "desktop"  # whose apps, too, fetch by CFNetwork
    if _MOBILE.search(text):
        return "mobile"
    if "Android" in text:
        return "tablet" if text.startswith("Mozilla/") else "mobile"  # a browser says Mobile on a phone; apps do not
    return "desktop" if _DESKTOP.search(text) else ""


@cache  # some 20 MB and a tenth of a second, for whoever captures
def _browsers() -> Resolver:
    browsers, systems, _ = load_lazy_builtins()
    return Resolver(
        (
            [*(UserAgentMatcher(*each) for each in BROWSERS), *browsers],
            [*(OSMatcher(*each) for each in SYSTEMS), *systems],
            [],
        )
    )


@cache
def _bots() -> Resolver:
    listed = import_module("crawleruseragents").CRAWLER_USER_AGENTS_DATA  # half a megabyte of JSON, read at import
    patterns = [each["pattern"] for each in listed if "http-library" not in each["tags"]]
    return Resolver(([UserAgentMatcher(each, "bot") for each in (*BOTS, *patterns) if each not in NOT_BOTS], [], []))
