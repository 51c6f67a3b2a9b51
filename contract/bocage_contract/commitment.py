"""Storage commitment asked of the box: who may ask, and where the result goes.

Source: PS3.4 Annex J.
"""

from __future__ import annotations

from pydantic import Field

from bocage_contract.model import Model
from bocage_contract.names import Address, AeTitle, Port


class Commitment(Model):
    """The AE that a caller's results are sent to, over an association the box opens."""

    aet: AeTitle
    host: Address
    port: Port
    unknown_after_s: int = Field(
        300,
        ge=0,
        le=86400,
        description="A request may overtake its instances: one that has not come by then is said"
        " to be unknown.",
    )
