"""One name for everybody who gives out patient numbers, however systems write who it is. Pure.

An information system says `FLERS&1.2.250.1.71.4.2.7&ISO`, a PACS `FLERS`, a modality nothing. The
site declares that these are one; without that, numbers of one patient could not be compared, and
those of two could not be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bocage_contract.hl7_receive import Issuer
from bocage_edge.exam.identities import Identities, Issued


def declared(
    identities: Identities, issuers: Sequence[Issuer], *, is_own: bool = True
) -> Identities:
    """Write each number's issuer as the site's configuration names it.

    Args:
        issuers: those declared; of one that is not among them the number stays as it is.
        is_own: the site's own systems wrote it: a patient's number without an issuer is of the one
            that is assumed.
    """
    if not issuers:
        return identities
    names = {spelling.casefold(): each.name for each in issuers for spelling in each.spellings}
    assumed = next((each.name for each in issuers if each.assumed and is_own), "")

    def known(issued: Issued, otherwise: str = "") -> Issued:
        issuer = issued.issuer.strip()
        return Issued(issued.number, names.get(issuer.casefold(), issuer) or otherwise)

    return replace(
        identities,
        accessions=tuple(dict.fromkeys(map(known, identities.accessions))),
        patients=tuple(dict.fromkeys(known(each, assumed) for each in identities.patients)),
    )
