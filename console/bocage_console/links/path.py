"""What both ends of a link are told. Pure."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from bocage_contract.model import Model
from bocage_contract.names import Address, Endpoint, Port

Role = Literal["requesting", "reading"]


class End(Model):
    """One end of a link. What stands here beyond the named fields goes to the box as it is."""

    address: Address = Field(description="In the tunnel: IPv6, unique local.")
    listen_port: Port
    endpoint: Endpoint | None = Field(
        None, description="Where the other end finds this one; null: it cannot be called."
    )
    services: list[dict[str, Any]] = Field(default_factory=list, max_length=16)
    deliver: list[dict[str, Any]] = Field(default_factory=list, max_length=32)

    def extras(self) -> dict[str, Any]:
        """Give what the box is told beyond the tunnel, as JSON values."""
        ours = {"address", "listen_port", "endpoint"}
        return {name: value for name, value in self.to_json().items() if name not in ours}


class Path(Model):
    """A link's two ends and the generations of their tunnel keys."""

    requesting: End
    reading: End
    relay_port: Port = 7431
    keepalive_s: int = Field(25, ge=1, le=600)
    requesting_generation: int = Field(1, ge=1)
    reading_generation: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _can_meet(self) -> Self:
        if self.requesting.endpoint is None and self.reading.endpoint is None:
            raise ValueError("one end must be reachable: give its endpoint, HOST:PORT")
        if self.requesting.address == self.reading.address:
            raise ValueError("the two ends need different tunnel addresses")
        return self

    def end(self, role: Role) -> End:
        """Give one end."""
        return self.requesting if role == "requesting" else self.reading

    def tunnel(self, role: Role) -> dict[str, Any]:
        """Write the tunnel as one end's configuration has it (contract: `Tunnel`)."""
        own, other = self.end(role), self.end("reading" if role == "requesting" else "requesting")
        generations = (self.requesting_generation, self.reading_generation)
        generation, partner = generations if role == "requesting" else reversed(generations)
        return {
            "address": own.address,
            "partner_address": other.address,
            "listen_port": own.listen_port,
            "endpoint": other.endpoint,
            # Whoever cannot be called keeps its way open.
            "keepalive_s": None if other.endpoint is None else self.keepalive_s,
            "generation": generation,
            "partner_generation": partner,
        }
