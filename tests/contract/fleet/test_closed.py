"""Nothing that goes to the console can hold a patient's data: proven on the schemas themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from bocage_contract.fleet import closed
from bocage_contract.fleet.enrolment import Pem
from bocage_contract.fleet.schema import UPWARD
from bocage_contract.ledger import ChainId
from bocage_contract.names import DeviceId, Hex32, Hex64, Label, LinkId


def pattern_of(annotated: Any) -> str:
    (found,) = {each.pattern for each in _metadata(annotated) if getattr(each, "pattern", None)}
    return str(found)


def _metadata(annotated: Any) -> Iterator[Any]:
    for each in get_args(annotated)[1:]:
        yield each
        yield from getattr(each, "metadata", ())


# Names that the console itself gave out, hashes, and documents it verifies: nothing else.
APPROVED = {
    pattern_of(each)
    for each in (
        closed.BootId,
        closed.ExamRef,
        closed.Software,
        closed.SignedText,
        ChainId,
        DeviceId,
        Hex32,
        Hex64,
        Label,
        LinkId,
        Pem,
    )
}


def texts(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every subschema that allows text, with its place."""
    if isinstance(schema, list):
        for at, each in enumerate(schema):
            yield from texts(each, f"{place}/{at}")
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "string":
        yield place, schema
    if schema.get("type") == "object" and "properties" not in schema:
        keys = schema.get("propertyNames")
        assert keys or "patternProperties" in schema, f"{place}: an object with any keys"
    for key, value in schema.items():
        if key not in {"description", "title", "default"}:
            yield from texts(value, f"{place}/{key}")


def untyped(schema: Any, place: str = "") -> Iterator[str]:
    """Give the places at which anything at all would pass."""
    if isinstance(schema, dict):
        for name, value in (schema.get("properties") or {}).items():
            if not {"type", "$ref", "anyOf", "enum", "const", "oneOf"} & value.keys():
                yield f"{place}/{name}"
        for key, value in schema.items():
            yield from untyped(value, f"{place}/{key}")


@pytest.mark.parametrize("name", sorted(UPWARD))
def test_every_text_of_a_message_is_of_a_closed_set(name: str) -> None:
    schema = UPWARD[name].model_json_schema()
    open_texts = [
        f"{place}: {text}"
        for place, text in texts(schema)
        if not ({"enum", "const"} & text.keys() or text.get("pattern") in APPROVED or is_key(text))
    ]
    assert not open_texts
    assert not list(untyped(schema))


def is_key(text: dict[str, Any]) -> bool:
    """Public keys are 32 bytes in base64; the schema cannot say so, the model does."""
    return text.get("title") in {"Unlock"}


@pytest.mark.parametrize("name", sorted(UPWARD))
def test_what_is_not_of_the_contract_is_dropped(name: str) -> None:
    """A newer box cannot bring a name in by a field this release does not know."""
    assert UPWARD[name].model_config.get("extra") == "ignore"
    for definition in (UPWARD[name].model_json_schema().get("$defs") or {}).values():
        assert definition.get("additionalProperties") is not True, definition


NAMES = ("DUPONT^JEAN", "Dupont Jean", "dupont jean", "1 85 05 78 006 084 36", "1.2.840.113619.2")


@pytest.mark.parametrize("text", NAMES)
@pytest.mark.parametrize(
    "kind",
    [closed.BootId, closed.ExamRef, closed.Software, DeviceId, LinkId, Label, Hex64, ChainId],
)
def test_a_name_or_a_uid_fits_into_none_of_them(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)
