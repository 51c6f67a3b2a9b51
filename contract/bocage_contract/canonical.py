"""One spelling for each JSON value, so that two boxes hash the same bytes.

Objects sorted by key, no white space, UTF-8, whole numbers only: no two ways to write a number.
"""

from __future__ import annotations

import json
from typing import Any

from bocage_contract.errors import MessageError


def canonical_json(value: Any) -> bytes:
    """Write a JSON value in its one spelling.

    Raises:
        MessageError: it holds a float, a key that is not text, or something JSON does not know.
    """
    _check(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_canonical(raw: bytes) -> Any:
    """Read a JSON value that must stand in its one spelling.

    Raises:
        MessageError: not JSON, or spelt another way (doubled keys, spaces, floats).
    """
    try:
        value = json.loads(raw)
        again = canonical_json(value)
    except (ValueError, RecursionError):
        raise MessageError("not JSON") from None
    if again != raw:
        raise MessageError("JSON, but not in its canonical spelling")
    return value


def _check(value: Any) -> None:
    match value:
        case None | bool() | int() | str():
            return
        case list() | tuple():
            for item in value:
                _check(item)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise MessageError("an object key is not text")
                _check(item)
        case _:
            raise MessageError(f"{type(value).__name__} has no canonical spelling")
