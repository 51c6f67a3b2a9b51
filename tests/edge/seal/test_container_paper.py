"""docs/sealed-object.md is enough to open an object: we do what it says, with its own script."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from bocage_edge.seal.pool import CodecPool
from bocage_system.command import LocalHost
from tests.edge.seal.making import RECOVERY, read_part10, real_paths, seal

pytestmark = pytest.mark.processes

PAPER = Path(__file__).parents[3] / "docs" / "sealed-object.md"
BY_NAME = {path.name: path for path in real_paths()}


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "color-pl.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "test-SR.dcm"],
)
def test_an_object_is_restored_by_age_and_the_script(
    name: str, pool: CodecPool, tmp_path: Path
) -> None:
    real = read_part10(BY_NAME[name])
    assert real is not None
    script, key, sealed, plain, target = (
        tmp_path / each for each in ("restore.py", "key", "sealed", "plain", "target")
    )
    (found,) = re.findall(r"```python\n(.*?)```", PAPER.read_text(), re.DOTALL)
    script.write_text(found)
    key.write_text(RECOVERY.secret)
    sealed.write_bytes(seal(real.data_set, pool, real.syntax)[1])
    host = LocalHost()
    host.run(["age", "-d", "-i", key, "-o", plain, sealed])
    assert host.run([sys.executable, script, plain, target]).startswith("restored: ")
    assert target.read_bytes() == real.data_set
