from __future__ import annotations

import pytest

from bocage_contract.fleet.health import Code
from bocage_contract.fleet.wording import WORDINGS


@pytest.mark.parametrize("code", Code)
def test_every_condition_is_said_in_both_languages(code: Code) -> None:
    wording = WORDINGS[code]
    said = [wording.fr, wording.en, wording.do_fr, wording.do_en]
    assert all(each.endswith((".", "?")) for each in said)
    assert wording.fr != wording.en and wording.do_fr != wording.do_en


def test_no_condition_explains_itself() -> None:
    def causes(code: Code) -> set[Code]:
        found = set(WORDINGS[code].because_of)
        return found.union(*(causes(each) for each in found)) if found else found

    assert not [code for code in Code if code in causes(code)]
