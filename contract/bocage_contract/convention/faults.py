"""Everything that is wrong with a convention somebody wrote, at once and in words. Pure.

For the person who writes it: each fault names the field by its path, says what does not fit and
what to write instead. Entries of a list are counted from 1, as people count. A warning is no fault:
the convention can be approved, and the two sites should know. Values are not repeated: what stands
in a field may be anything.

    written -> JSON -> fields, one by one (`model`) -> what follows from several (`sense`) -> words
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError

from bocage_contract.convention.model import Convention
from bocage_contract.convention.sense import Finding, findings_in
from bocage_contract.convention.wording import HINTS, WORDS, where

Language = Literal["fr", "en"]
Place = tuple[str | int, ...]
_MAX_FAULTS = 200
_FIELDS = tuple(Convention.model_fields)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to put right, or, as a warning, to know.

    Args:
        place: names and numbers that lead to it; list entries are counted from 0 here.
        code: a fixed word.
        text: the place and the words, for people.
    """

    place: Place
    code: str
    text: str
    is_warning: bool = False


def faults_of(raw: bytes | str, language: Language = "fr") -> list[Fault]:
    """List what is wrong with a convention, faults first, each kind in the order of the fields.

    Where it holds no fault, `Convention.read` takes it.

    Args:
        raw: JSON, as somebody wrote it.
    """
    try:
        value, doubled = _parsed(raw)
    except json.JSONDecodeError as error:
        not_json = Finding((), "not_json", {"line": error.lineno, "column": error.colno})
        return [_said(not_json, language)]
    except (ValueError, RecursionError):
        return [_said(Finding((), "not_readable"), language)]
    if not isinstance(value, dict):
        return [_said(Finding((), "not_an_object"), language)]
    shape = _shape(value)
    if shape is None:
        return [_said(Finding((), "not_readable"), language)]
    spoilt = {each.place for each in shape}
    found = [*doubled, *shape, *_unknown(Convention, value, ())]
    found += [each for each in findings_in(value) if each.place not in spoilt]
    return [_said(each, language) for each in sorted(set(found), key=_order)[:_MAX_FAULTS]]


def _said(finding: Finding, language: Language) -> Fault:
    words = WORDS[finding.code][0 if language == "fr" else 1]
    numbers: dict[str, Any] = dict(finding.numbers)
    numbers.setdefault("hint", _hint(finding.place, language))
    text = words.format(**numbers)
    place = where(finding.place, language)
    said = f"{place}: {text}" if place else text
    return Fault(finding.place, finding.code, said, finding.is_warning)


def _order(finding: Finding) -> tuple[bool, int, tuple[tuple[bool, str], ...]]:
    head = finding.place[0] if finding.place else ""
    first = _FIELDS.index(str(head)) if head in _FIELDS else -1
    rest = tuple(
        (isinstance(part, str), f"{part:08}" if isinstance(part, int) else part)
        for part in finding.place[1:]
    )
    return finding.is_warning, first, (*rest, (True, finding.code))


# JSON


class _Object(dict[str, Any]):
    """A JSON object that knows which of its keys stood twice."""

    doubled: tuple[str, ...] = ()


def _parsed(raw: bytes | str) -> tuple[Any, list[Finding]]:
    if isinstance(raw, bytes):
        raw = raw.decode("utf-8-sig")
    value = json.loads(raw, object_pairs_hook=_object, parse_constant=_no_number)
    json.dumps(value, ensure_ascii=False).encode()  # half a character is none
    return value, [Finding(place, "doubled") for place in _doubles(value, ())]


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        found.doubled = tuple(name for name in found if names.count(name) > 1)
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _doubles(value: Any, place: Place) -> Iterator[Place]:
    if isinstance(value, _Object):
        yield from ((*place, name) for name in value.doubled)
    if not isinstance(value, dict | list):
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _doubles(each, (*place, key))


# The shape of each field


def _shape(value: dict[str, Any]) -> list[Finding] | None:
    """List the fields that cannot be read; None: it is no document at all."""
    try:
        Convention.model_validate_json(json.dumps(value))
    except ValidationError as error:
        found = []
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            if fault["type"] == "json_invalid":
                return None
            place = _place_of(fault["loc"], value)
            if place is None:
                continue  # a rule over several fields, which `sense` tells better
            is_missing = fault["type"] == "missing" and _stood(place[:-1], value)
            found.append(Finding(place, "missing" if is_missing else "wrong"))
        return _outermost(found)
    return []


def _place_of(loc: tuple[int | str, ...], value: Any) -> Place | None:
    """Give the place in the text of a place in the model: without keys and names of unions."""
    if not loc:
        return None
    found: list[str | int] = []
    there = value
    for part in loc:
        if isinstance(there, dict) and isinstance(part, str):
            if part == "[key]":
                break
            found.append(part)
            there = there.get(part)
        elif isinstance(there, list) and isinstance(part, int):
            found.append(part)
            there = there[part] if part < len(there) else None
    return tuple(found)


def _stood(place: Place, value: Any) -> bool:
    for part in place:
        value = value[part]
    return isinstance(value, dict)


def _outermost(found: list[Finding]) -> list[Finding]:
    """Leave out what is said of the whole where its parts are told, and the same place twice."""
    places = {each.place for each in found}
    inner = {place[:size] for place in places for size in range(len(place))}
    return [each for each in dict.fromkeys(found) if each.place not in inner]


def _hint(place: Place, language: Language) -> str:
    pattern = tuple("*" if isinstance(part, int) else part for part in place)
    for known, hint in HINTS.items():
        wanted = known.split(".")
        if len(wanted) == len(pattern) and all(
            want in ("*", part) for want, part in zip(wanted, pattern, strict=True)
        ):
            return hint[0 if language == "fr" else 1]
    return WORDS["no_hint"][0 if language == "fr" else 1]


# Fields nobody knows


def _unknown(model: type[BaseModel], value: Any, place: Place) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        return
    names = {field.alias or name: field for name, field in model.model_fields.items()}
    for name, part in value.items():
        if name not in names:
            meant = get_close_matches(name, [each for each in names if each != "contract"], n=1)
            code = "unknown_meant" if meant else "unknown"
            numbers = (("meant", meant[0]),) if meant else ()
            yield Finding((*place, name), code, numbers, is_warning=True)
            continue
        yield from _unknown_in(names[name].annotation, part, (*place, name))


def _unknown_in(annotation: Any, value: Any, place: Place) -> Iterator[Finding]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _unknown(annotation, value, place)
        return
    for inner in get_args(annotation):
        if isinstance(value, list):
            for number, part in enumerate(value):
                yield from _unknown_in(inner, part, (*place, number))
        elif isinstance(value, Mapping):
            for key, part in value.items():
                yield from _unknown_in(inner, part, (*place, key))
