"""What can be wrong with something another party sent."""

from __future__ import annotations


class ContractError(Exception):
    """A document or message does not keep to the contract."""


class MessageError(ContractError):
    """It does not have the shape it must have; the message names every fault."""


class SignatureError(ContractError):
    """It is not signed by who must have signed it, or was changed since."""
