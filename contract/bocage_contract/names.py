"""The closed sets of characters that names may be made of.

Whatever is built from them (a file name, an nft rule, a topic) needs no quoting.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, Field

# PS3.5 6.2, AE: 16 characters at most. We keep to the ones that need no quoting anywhere.
AE_TITLE = re.compile(r"[A-Za-z0-9_.-][A-Za-z0-9_. -]{0,14}[A-Za-z0-9_.-]|[A-Za-z0-9_.-]")
_ENDPOINT = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]{1,253}):([0-9]{1,5})")


def _ae_title(text: str) -> str:
    if not AE_TITLE.fullmatch(text):
        raise ValueError("an AE title has 1 to 16 letters, digits, '.', '_', '-' or inner spaces")
    return text


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def _endpoint(text: str) -> str:
    found = _ENDPOINT.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= 65535:
        raise ValueError("an endpoint is HOST:PORT or [IPv6]:PORT")
    return text


def _key(text: str) -> str:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("a key is written in base64") from None
    if len(raw) != 32:
        raise ValueError("a key has 32 bytes")
    return text


def _link_id(text: str) -> str:
    if text == "box":
        raise ValueError("a link cannot be called box: the box's own chain in the ledger is")
    return text


def _timezone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("this time zone is not known: Area/City, as in Europe/Paris") from None
    return text


def _age_recipient(text: str) -> str:
    if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}", text):
        raise ValueError("an age recipient starts with age1 and has 62 characters")
    return text


DeviceId = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
LinkId = Annotated[
    str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$"), AfterValidator(_link_id)
]
Label = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$")]
AeTitle = Annotated[str, AfterValidator(_ae_title)]
Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Timezone = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", max_length=64),
    AfterValidator(_timezone),
]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Port = Annotated[int, Field(ge=1, le=65535)]
PublicKey = Annotated[str, AfterValidator(_key)]
AgeRecipient = Annotated[str, AfterValidator(_age_recipient)]
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
