"""docs/contract/ says what the models say; `bocage-provision schemas docs/contract` makes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bocage_contract.fleet.schema import schemas

FOLDER = Path(__file__).parents[3] / "docs" / "contract"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_exported_schema_is_that_of_the_model(name: str) -> None:
    assert json.loads((FOLDER / f"{name}.schema.json").read_text()) == schemas()[name]


def test_nothing_else_lies_there() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {
        f"{name}.schema.json" for name in schemas()
    }
