"""Sites in the database."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.database.tables import Site
from bocage_console.errors import UnknownError
from bocage_console.sites.profile import Profile


def put_site(session: Session, now: float, who: str, name: str, profile: Profile) -> None:
    """Add a site, or change what is known of it."""
    found = session.get(Site, name)
    if found is None:
        session.add(Site(id=name, profile=profile.to_json(), made_at=int(now)))
        record(session, now, who, "site added", name)
        return
    found.profile = profile.to_json()
    record(session, now, who, "site changed", name)


def profile_of(session: Session, name: str) -> Profile:
    """Give what is known of a site.

    Raises:
        UnknownError: there is none of that name.
    """
    found = session.get(Site, name)
    if found is None:
        raise UnknownError(f"there is no site {name}", "see: bocage-console site list")
    return Profile.of(found.profile)
