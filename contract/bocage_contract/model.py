"""The base of every message: frozen, strict about what it knows, keeping what it does not.

A field of a newer release is kept and written back, so that an old box does not strip what a new
console says (and the other way round).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from bocage_contract.errors import MessageError

_SHOWN_FAULTS = 20


class Model(BaseModel):
    """A message or a part of one."""

    model_config = ConfigDict(
        frozen=True, extra="allow", validate_by_name=True, validate_by_alias=True
    )

    @classmethod
    def read(cls, raw: bytes | str) -> Self:
        """Read the message from JSON.

        Raises:
            MessageError: all faults at once, each with the place it stands at.
        """
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            raise MessageError(_faults(cls.__name__, error)) from None

    @classmethod
    def of(cls, value: dict[str, Any]) -> Self:
        """Make the message from parsed JSON.

        Raises:
            MessageError: all faults at once, each with the place it stands at.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise MessageError(_faults(cls.__name__, error)) from None

    def to_json(self) -> dict[str, Any]:
        """Give the message as JSON values, unknown fields included."""
        return self.model_dump(mode="json", by_alias=True)


class Grown(Model):
    """A message, or a part of one, that got fields later; they are written only where they stood.

    So one from before is written back byte for byte.
    """

    LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _as_it_stood(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = write(self)
        for name in self.LATER - self.model_fields_set:
            value.pop(name, None)
        return value


def _faults(name: str, error: ValidationError) -> str:
    # The values are left out: a rejected field may hold what must not reach a log.
    faults = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'document'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    more = "" if len(faults) <= _SHOWN_FAULTS else f"; and {len(faults) - _SHOWN_FAULTS} more"
    return f"{name}: " + "; ".join(faults[:_SHOWN_FAULTS]) + more
