"""What may be said upwards: numbers, and words of closed sets. No text a patient's name fits in.

Every message from a box to the console is made of the types of this module; a test walks the JSON
Schemas and fails on any text that is not of them. What a newer box says beyond them is dropped
where it is read, so that an unknown field is no way in either.
"""

from __future__ import annotations

import base64
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from bocage_contract.model import Model


class Upward(Model):
    """A message from a box to the console, or a part of one; unknown fields are dropped."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True
    )


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("base64 is expected") from None
    return text


BootId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="Of one start of the box.")]
ExamRef = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-HJKMNP-TV-Z]{2}-[0-9A-HJKMNP-TV-Z]{4}$",
        description="Short form of a keyed hash, for the telephone; identifies nobody.",
    ),
]
Software = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){1,3}((a|b|rc|\.dev|\+)[0-9]{1,6})?$",
        description="Version of the box's software.",
    ),
]
SignedText = Annotated[
    str,
    Field(
        max_length=16384,
        pattern=r"^[A-Za-z0-9+/]*={0,2}$",
        description="A signed document whose own model is checked before it is kept, in base64.",
    ),
    AfterValidator(_base64),
]
Seconds = Annotated[int, Field(ge=0, lt=1 << 40)]  # Unix seconds, or an age
Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Percent = Annotated[int, Field(ge=0, le=100)]
