"""Links and their conventions in the database."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from bocage_console.audit.record import record
from bocage_console.database.tables import ConventionVersion, Device, Link
from bocage_console.errors import ConflictError, UnknownError
from bocage_console.links.path import Path
from bocage_contract.convention.approval import Approved, verify_approvals

# The one in force and the one that follows it.
VERSIONS_TOLD = 2


def put_link(
    session: Session, now: float, who: str, name: str, *, requesting: str, reading: str, path: Path
) -> None:
    """Add a link between two boxes, or change it; its two ends never change.

    Raises:
        UnknownError: a box does not exist.
        ConflictError: the link exists between other boxes.
    """
    for device in (requesting, reading):
        if session.get(Device, device) is None:
            raise UnknownError(f"there is no box {device}", "see: bocage-console device list")
    found = session.get(Link, name)
    if found is None:
        session.add(
            Link(
                id=name,
                requesting_id=requesting,
                reading_id=reading,
                path=path.to_json(),
                made_at=int(now),
            )
        )
        record(session, now, who, "link added", name, requesting=requesting, reading=reading)
        return
    if (found.requesting_id, found.reading_id) != (requesting, reading):
        raise ConflictError(f"link {name} joins other boxes", "give the new link another name")
    found.path = path.to_json()
    record(session, now, who, "link changed", name)


def links_of(session: Session, device: str) -> list[Link]:
    """List the links that end at a box, by name."""
    wanted = (Link.requesting_id == device) | (Link.reading_id == device)
    return list(session.scalars(select(Link).where(wanted).order_by(Link.id)))


def put_convention(session: Session, now: float, who: str, approved: Approved) -> None:
    """Add a version of a link's agreement that both sites approved.

    Raises:
        SignatureError: one of them did not.
        UnknownError: the link does not exist.
        ConflictError: that version is there already with another text.
    """
    verify_approvals(approved)
    convention = approved.convention
    if session.get(Link, convention.link) is None:
        raise UnknownError(f"there is no link {convention.link}")
    text = convention.to_json()
    found = session.get(ConventionVersion, (convention.link, convention.version))
    if found is not None and found.text != text:
        raise ConflictError(
            f"version {convention.version} of this agreement was approved with another text",
            "what changes gets a new version, and both sites' approval",
        )
    if found is not None:
        return
    approvals = [each.to_json() for each in approved.approvals]
    session.add(
        ConventionVersion(
            link_id=convention.link,
            version=convention.version,
            text=text,
            approvals=approvals,
            made_at=int(now),
        )
    )
    record(session, now, who, "convention approved", convention.link, version=convention.version)


def conventions_of(session: Session, link: str) -> list[Approved]:
    """Give the versions a box is told, oldest first."""
    rows = session.scalars(
        select(ConventionVersion)
        .where(ConventionVersion.link_id == link)
        .order_by(ConventionVersion.version.desc())
        .limit(VERSIONS_TOLD)
    )
    told = [Approved.of({"convention": row.text, "approvals": row.approvals}) for row in rows]
    return told[::-1]
