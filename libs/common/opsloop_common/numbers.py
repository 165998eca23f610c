"""Numbers for people: in the way of their locale (CLDR, from Babel), never in the way of a machine."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache, partial

from babel import Locale
from babel.numbers import format_decimal, format_scientific

from opsloop_common.foreign import readable

DIGITS = 6
"""So many count, and hundredths always: 0.333333, 123,456.78."""
PLAIN_FROM, PLAIN_TO = Decimal("1e-6"), Decimal("1e21")


def for_people(number: int | float, locale: str) -> str:
    """Write a finite number as people of a BCP 47 locale do: 1,000,000 in `en`, 1.000.000 in `de`. Unknown locales count as `en`."""
    exact = Decimal(repr(number)) if number else Decimal(0)
    places = max(2, DIGITS - 1 - exact.adjusted())
    if exact and not PLAIN_FROM <= abs(exact) < PLAIN_TO:
        short = Decimal(f"{exact:.{DIGITS - 1}e}").normalize()
        # in the locale's digits and signs; its own pattern may put brackets around it (Hindi)
        return format_scientific(short, "#E0", locale=known_locale(locale), decimal_quantization=False)
    # an integer of 64 bits and two places stay inside the 28 digits of a decimal
    rounded = round(exact, places).normalize()
    return format_decimal(rounded, locale=known_locale(locale), decimal_quantization=False)


@lru_cache(maxsize=256)  # reading the data of a locale takes milliseconds
def known_locale(locale: str) -> Locale:
    """Return the locale that a BCP 47 tag names, as far as CLDR knows its parts; else `en`."""
    parts = locale.split("-")
    while parts:
        if (found := readable(partial(Locale.parse, sep="-"), "-".join(parts))) is not None:
            return found
        parts.pop()
    return Locale("en")
