"""Lookup of RFC 4647 over what CLDR knows of languages, scripts and regions. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from babel.core import get_global

READ_AS = {"nb": "no", "nn": "no", "ary": "ar", "arz": "ar", "apc": "ar"} | dict.fromkeys(
    ("yue", "wuu", "nan", "hak", "gan", "hsn", "cdo", "cjy", "mnp", "lzh"), "zh"
)
"""Languages whose readers share a written one (ISO 639 macrolanguages): not their own, but better than another."""
# what follows region (variants, extensions) tells no two texts apart that are read by different people
_TAG = re.compile(
    r"(?P<language>[a-z]{2,8})(?:-[a-z]{3})*(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?(?=-|$)"
)


def best_locale(offered: Sequence[str], wanted: str | None) -> int:
    """Return which of the offered locales (not empty) suits best, whatever their order.

    Lookup of RFC 4647 (§3.4) over likely subtags: of the same written language the one in the same script, of those the
    very same language, of those the one of the same region, of those the one that is spelt most alike; when no language is the same,
    the first.
    """
    if wanted is None:
        return 0
    asked, sought = wanted.lower().split("-"), likely(wanted)

    def suits(place: int) -> tuple[bool, ...]:
        subtags, (language, script, region) = offered[place].lower().split("-"), likely(offered[place])
        alike = tuple(ours == theirs for ours, theirs in zip(subtags, asked, strict=False))
        if READ_AS.get(language, language) != READ_AS.get(sought[0], sought[0]):
            return (False,)
        return True, script == sought[1], language == sought[0], region == sought[2], subtags == asked, *alike

    return max(range(len(offered)), key=suits)


def likely(tag: str) -> tuple[str, str, str]:
    """Return language, script and region of a BCP 47 tag; what it leaves out is what CLDR calls likely: zh-HK is zh, hant, hk.

    Empty where nobody knows.
    """
    found = _TAG.match(tag.lower())
    if found is None:
        return tag.lower(), "", ""
    language, script, region = (found[name] or "" for name in ("language", "script", "region"))
    language, *implied = get_global("language_aliases").get(language, language).lower().split("_")
    script = (script or next((part for part in implied if len(part) == 4), "")).title()
    region = (region or next((part for part in implied if len(part) < 4), "")).upper()
    known = get_global("likely_subtags")
    for parts in ((language, script, region), (language, region), (language, script), (language,)):
        if full := known.get("_".join(filter(None, parts))):
            _, likely_script, likely_region = full.split("_")
            return language, (script or likely_script).lower(), (region or likely_region).lower()
    return language, script.lower(), region.lower()
