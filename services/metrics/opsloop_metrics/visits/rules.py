"""What a message says of the visit it belongs to. Pure; what the operator's GeoIP database knows comes in as a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from opsloop_metrics.visits.agents import agent_of
from opsloop_metrics.visits.channels import CLICKS, Campaign, Channel, channel_of
from opsloop_metrics.visits.pages import page_of, parameters_of, without_www

MAX_TEXT = 200
"""Characters kept of what a link says of its campaign."""

_LOCALE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?(?![a-z0-9])", re.IGNORECASE)
_NO_REFERRER = frozenset({"$direct", "(direct)", "direct", "(none)", "null", "undefined"})
"""What clients write when nobody linked to the page."""


class Place(NamedTuple):
    """Where an address is: ISO 3166 alpha-2, and names in English; empty where nobody knows."""

    country: str = ""
    region: str = ""
    city: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known of a visit; the names are the event store's columns, and empty is unknown.

    `channel` is empty for an event that tells of no arrival: one without a page, or reached from within the site. `is_test`: the page
    is on a developer's machine.
    """

    url: str = ""
    host: str = ""
    path: str = ""
    referrer: str = ""
    referrer_host: str = ""
    channel: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""
    browser: str = ""
    browser_version: str = ""
    os: str = ""
    device: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    locale: str = ""
    is_bot: bool = False
    is_test: bool = False


PlaceFinder = Callable[[str], Place | None]


def nowhere(ip: str) -> Place | None:
    """Know no place: there is no GeoIP database."""
    return None


def describe(
    *,
    user_agent: str | None,
    url: str | None,
    referrer: str | None,
    locale: str | None,
    ip: str | None,
    own_hosts: Collection[str] = (),
    country_of: Callable[[str], Place | None] = nowhere,
) -> Visit:
    """Return what a message says of its visit; raises nothing, whatever it says.

    `own_hosts` (lower case) are the site's besides the page's own: whoever comes from one, or from below one, has been here already.
    `user_agent`: None of a client that has none, an empty text of a browser client that hides it.
    """
    page, source, agent = page_of(url), page_of(_referrer(referrer)), agent_of(user_agent)
    said = parameters_of(page.query)
    campaign, click = _campaign(said), _click(said)
    place = (country_of(ip) if ip else None) or Place()
    brought_by = "" if _is_own(source.host, {page.host, *own_hosts}) else source.host
    is_arrival = bool(campaign != Campaign() or click or brought_by or (page.url and not source.host))
    return Visit(
        url=page.url,
        host=page.host,
        path=page.path,
        referrer=source.url,
        referrer_host=source.host,
        channel=channel_of(campaign, click, brought_by) if is_arrival else Channel.NONE,
        utm_source=campaign.source,
        utm_medium=campaign.medium,
        utm_campaign=campaign.name,
        utm_term=campaign.term,
        utm_content=campaign.content,
        browser=agent.browser,
        browser_version=agent.browser_version,
        os=agent.os,
        device=agent.device,
        country=place.country,
        region=place.region,
        city=place.city,
        locale=locale_of(locale),
        is_bot=agent.is_bot,
        is_test=page.is_test,
    )


def locale_of(text: str | None) -> str:
    """Return a locale as BCP 47 writes it (`zh-Hans-CN`), the first of several; empty where there is none."""
    found = _LOCALE.match(text.strip()[:MAX_TEXT]) if text else None
    if found is None:
        return ""
    language, script, region = (part or "" for part in found.groups())
    return "-".join(filter(None, (language.lower(), script.title(), region.upper())))


def _referrer(text: str | None) -> str:
    return "" if text is None or text.strip().lower() in _NO_REFERRER else text


def _is_own(host: str, own_hosts: Collection[str]) -> bool:
    return bool(host) and any(
        without_www(host) == without_www(own) or (own and host.endswith(f".{own}")) for own in own_hosts
    )


def _campaign(said: Mapping[str, str]) -> Campaign:
    if not said:
        return Campaign()
    names = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
    return Campaign(*(said.get(name, "")[:MAX_TEXT] for name in names))


def _click(said: Mapping[str, str]) -> Channel | None:
    return next((channel for name, channel in CLICKS.items() if said.get(name)), None) if said else None
