"""Through which channel a visitor came, by the groups that GA4 has published, with assistants (AI) as one of them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from opsloop_metrics.visits.sources import Kind, kind_of_host, kind_of_name


class Channel(StrEnum):
    """How somebody was brought; NONE: nobody was, the event tells of no arrival."""

    NONE = ""
    DIRECT = "direct"
    ORGANIC_SEARCH = "organic_search"
    PAID_SEARCH = "paid_search"
    ORGANIC_SOCIAL = "organic_social"
    PAID_SOCIAL = "paid_social"
    ORGANIC_VIDEO = "organic_video"
    PAID_VIDEO = "paid_video"
    ORGANIC_SHOPPING = "organic_shopping"
    PAID_SHOPPING = "paid_shopping"
    PAID_OTHER = "paid_other"
    CROSS_NETWORK = "cross_network"
    DISPLAY = "display"
    EMAIL = "email"
    AFFILIATES = "affiliates"
    AUDIO = "audio"
    SMS = "sms"
    PUSH = "push"
    AI_ASSISTANT = "ai_assistant"
    REFERRAL = "referral"
    UNASSIGNED = "unassigned"
    """Somebody named a campaign, in words that no group knows."""


PAID = {
    Kind.SEARCH: Channel.PAID_SEARCH, Kind.SOCIAL: Channel.PAID_SOCIAL, Kind.VIDEO: Channel.PAID_VIDEO,
    Kind.SHOPPING: Channel.PAID_SHOPPING,
}  # fmt: skip
FREE = {
    Kind.SEARCH: Channel.ORGANIC_SEARCH, Kind.SOCIAL: Channel.ORGANIC_SOCIAL, Kind.VIDEO: Channel.ORGANIC_VIDEO,
    Kind.SHOPPING: Channel.ORGANIC_SHOPPING, Kind.EMAIL: Channel.EMAIL, Kind.AI: Channel.AI_ASSISTANT, Kind.SMS: Channel.SMS,
    Kind.PUSH: Channel.PUSH, Kind.AFFILIATE: Channel.AFFILIATES,
}  # fmt: skip
MEDIA = {
    Channel.EMAIL: "email e-mail e_mail mail newsletter edm 邮件 邮箱 电子邮件",
    Channel.AFFILIATES: "affiliate affiliates cps 联盟",
    Channel.AUDIO: "audio podcast 音频 播客",
    Channel.SMS: "sms mms 短信",
    Channel.DISPLAY: "display banner expandable interstitial cpm 展示 开屏",
    Channel.ORGANIC_SOCIAL: "social social-network social-media social_network social_media sm 社交 社媒",
    Channel.ORGANIC_SEARCH: "organic seo 自然搜索",
    Channel.ORGANIC_VIDEO: "video 视频",
    Channel.REFERRAL: "referral app link",
}
_MEDIA = {medium: channel for channel, media in MEDIA.items() for medium in media.split()}

CLICKS = {
    "gclid": Channel.PAID_SEARCH, "gbraid": Channel.PAID_SEARCH, "wbraid": Channel.PAID_SEARCH, "gad_source": Channel.PAID_SEARCH,
    "msclkid": Channel.PAID_SEARCH, "yclid": Channel.PAID_SEARCH, "bd_vid": Channel.PAID_SEARCH, "qhclickid": Channel.PAID_SEARCH,
    "sg_vid": Channel.PAID_SEARCH, "dclid": Channel.DISPLAY, "ttclid": Channel.PAID_VIDEO, "twclid": Channel.PAID_SOCIAL,
    "li_fat_id": Channel.PAID_SOCIAL, "rdt_cid": Channel.PAID_SOCIAL, "sccid": Channel.PAID_SOCIAL, "qz_gdt": Channel.PAID_SOCIAL,
    "gdt_vid": Channel.PAID_SOCIAL, "irclickid": Channel.AFFILIATES, "cjevent": Channel.AFFILIATES, "awc": Channel.AFFILIATES,
    "fbclid": Channel.ORGANIC_SOCIAL, "igshid": Channel.ORGANIC_SOCIAL, "igsh": Channel.ORGANIC_SOCIAL,
    "ysclid": Channel.ORGANIC_SEARCH, "srsltid": Channel.ORGANIC_SHOPPING, "mc_eid": Channel.EMAIL, "mkt_tok": Channel.EMAIL,
    "_hsenc": Channel.EMAIL, "vero_id": Channel.EMAIL,
}  # fmt: skip
"""What advertisers' and senders' systems add to a link, and what it says alone.

Meta adds `fbclid` to every link that leaves it, paid or not, so it says Facebook and no more; the others marked paid are added to
advertisements only.
"""
_PAID_CHANNELS = frozenset({*PAID.values(), Channel.DISPLAY})
_PAID_MEDIUM = re.compile(
    r"(?:.*[^a-z])?(?:cp[acmv]|ppc|ocpc|ocpm|sem|retargeting|竞价|信息流|广告)(?:[^a-z].*)?|paid.*|.*付费.*"
)
_SHOP_CAMPAIGN = re.compile(r"(?:^|[^a-df-z])shop|shopping")
_WORDS = (
    ("social", Kind.SOCIAL),
    ("search", Kind.SEARCH),
    ("sem", Kind.SEARCH),
    ("video", Kind.VIDEO),
    ("shop", Kind.SHOPPING),
)


class Campaign(NamedTuple):
    """What a link says of who put it there (utm_*), empty where it does not."""

    source: str = ""
    medium: str = ""
    name: str = ""
    term: str = ""
    content: str = ""


def channel_of(campaign: Campaign, click: Channel | None, referrer_host: str) -> Channel:
    """Return the channel of an arrival.

    What a marketer wrote comes first, then who links here, then `click`, what the link's click id says. `referrer_host`: empty where
    nobody linked here.
    """
    medium, source, name = (text.strip().lower() for text in (campaign.medium, campaign.source, campaign.name))
    named = kind_of_name(source)
    kind = named or kind_of_host(referrer_host)
    if "cross-network" in name:
        return Channel.CROSS_NETWORK
    if _PAID_MEDIUM.fullmatch(medium):
        return _paid(kind, medium, name, click)
    if by_medium := _by_medium(medium):
        return by_medium
    if click in _PAID_CHANNELS:
        return PAID.get(kind, click) if kind else click
    if kind in FREE:
        return FREE[kind]
    if click:
        return click
    if _SHOP_CAMPAIGN.search(name):
        return Channel.ORGANIC_SHOPPING
    if source in ("direct", "(direct)") and medium in ("", "(none)", "(not set)"):
        return Channel.DIRECT
    if referrer_host and not source and not medium:
        return Channel.REFERRAL
    return Channel.UNASSIGNED if any(campaign) else Channel.DIRECT


def _paid(kind: Kind | None, medium: str, name: str, click: Channel | None) -> Channel:
    if _SHOP_CAMPAIGN.search(name):
        return Channel.PAID_SHOPPING
    said = next((meant for word, meant in _WORDS if word in medium), None)
    if (channel := PAID.get(kind or said or Kind.OTHER)) or (said and (channel := PAID[said])):
        return channel
    if medium == "cpm":
        return Channel.DISPLAY
    return click if click in _PAID_CHANNELS and click else Channel.PAID_OTHER


def _by_medium(medium: str) -> Channel | None:
    if channel := _MEDIA.get(medium):
        return channel
    if medium.endswith(("push", "推送")) or "notification" in medium:
        return Channel.PUSH
    return Channel.ORGANIC_VIDEO if "video" in medium else None
