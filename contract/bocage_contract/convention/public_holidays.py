"""On which days a country, or a part of it, does not work. Pure.

Source: the `holidays` library; French ones are those of article L3133-1 of the Code du travail, and
of Alsace-Moselle and overseas where a subdivision is named (ISO 3166-2, `FR-6AE`).
"""

from __future__ import annotations

import datetime
from functools import lru_cache

import holidays


def holidays_in(code: str, year: int) -> frozenset[datetime.date]:
    """List the public holidays of a year.

    Args:
        code: ISO 3166: FR, or FR-6AE.

    Raises:
        ValueError: no public holidays are known for this code.
    """
    return _holidays_in(code, year)


def known_country(code: str) -> str:
    """Give a code back if its public holidays are known.

    Raises:
        ValueError: they are not.
    """
    country, _, subdivision = code.partition("-")
    supported = holidays.list_supported_countries(include_aliases=True)
    if country not in supported or (subdivision and subdivision not in supported[country]):
        raise ValueError(f"no public holidays are known for {code}: FR, or a part such as FR-6AE")
    return code


@lru_cache(maxsize=64)
def _holidays_in(code: str, year: int) -> frozenset[datetime.date]:
    country, _, subdivision = known_country(code).partition("-")
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year)
    return frozenset(found.keys())
