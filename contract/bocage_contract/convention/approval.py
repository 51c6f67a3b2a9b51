"""Both sites' word for one version of a convention.

An approval is an Ed25519 signature, by the key of a site's responsible person, over the canonical
JSON of the convention. Which keys speak for a site is decided where people are known (the console);
the box sees that two different keys, one for each role, have signed exactly what it is given.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Literal

from pydantic import Field

from bocage_contract.canonical import canonical_json
from bocage_contract.convention.model import Convention
from bocage_contract.errors import SignatureError
from bocage_contract.model import Model
from bocage_contract.names import PublicKey
from bocage_contract.signing import Signer, is_signed, to_be_signed

CONVENTION_TYPE = "bocage.convention"
Role = Literal["requesting", "reading"]


class Approval(Model):
    """One responsible person's signature. `signature` is base64."""

    role: Role
    name: Annotated[str, Field(min_length=1, max_length=80)]
    at: int = Field(ge=0, description="Unix seconds.")
    key: PublicKey
    signature: str = Field(max_length=88)


class Approved(Model):
    """A convention with its approvals, as it travels in a configuration."""

    convention: Convention
    approvals: list[Approval] = Field(min_length=2, max_length=2)


def approve(
    convention: Convention, role: Role, name: str, at: int, signer: Signer, key: bytes
) -> Approval:
    """Sign a convention for one of its two sites.

    Args:
        key: the public key of `signer`, 32 bytes.
    """
    signature = signer(_signed(convention, role, at))
    return Approval(
        role=role,
        name=name,
        at=at,
        key=base64.b64encode(key).decode(),
        signature=base64.b64encode(signature).decode(),
    )


def verify_approvals(approved: Approved) -> None:
    """Check that two people, one for each site, approved exactly this convention.

    Raises:
        SignatureError: one of them did not.
    """
    roles = {each.role for each in approved.approvals}
    keys = {each.key for each in approved.approvals}
    if roles != {"requesting", "reading"} or len(keys) != 2:
        raise SignatureError("a convention needs the approval of both sites, by two people")
    for each in approved.approvals:
        verify_approval(approved.convention, each)


def verify_approval(convention: Convention, approval: Approval) -> None:
    """Check that the key of an approval signed exactly this convention.

    Raises:
        SignatureError: it did not.
    """
    try:
        signature = base64.b64decode(approval.signature, validate=True)
    except ValueError:
        raise SignatureError("an approval's signature is not base64") from None
    signed = _signed(convention, approval.role, approval.at)
    if not is_signed(base64.b64decode(approval.key), signature, signed):
        raise SignatureError(f"the {approval.role} site's approval is not of this convention")


def words_digest(convention: Convention) -> str:
    """Give the SHA-256 of a convention's words, 64 hex digits, for two people to compare."""
    return hashlib.sha256(canonical_json(convention.to_json())).hexdigest()


def _signed(convention: Convention, role: Role, at: int) -> bytes:
    document = {"at": at, "convention": convention.to_json(), "role": role}
    return to_be_signed(CONVENTION_TYPE, canonical_json(document))
