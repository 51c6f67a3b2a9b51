"""The house's rules about code that a tool off the shelf does not know.

Every test collects all breaches before it fails, so that one run tells everything.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest

from tests.source_tree import (
    DISTRIBUTIONS,
    ROOT,
    Function,
    Module,
    checked_tests,
    distribution_of,
    files,
    product,
)

# Modules that decide and never act. Patterns; each must match something. A module that calls
# itself pure in its docstring is held to it as well.
PURE = (
    "contract/bocage_contract/*.py",
    "edge/bocage_edge/deliver/contexts.py",
    "edge/bocage_edge/deliver/outcome.py",
    "edge/bocage_edge/deliver/schedule.py",
    "edge/bocage_edge/exam/*.py",
    "edge/bocage_edge/link/address.py",
    "edge/bocage_edge/link/plan.py",
    "edge/bocage_edge/link/nft.py",
    "edge/bocage_edge/link/wg.py",
    "edge/bocage_edge/partner.py",
    "edge/bocage_edge/paths.py",
    "edge/bocage_edge/receive/answer.py",
    "edge/bocage_edge/receive/command.py",
    "edge/bocage_edge/receive/message.py",
    "edge/bocage_edge/receive/negotiation.py",
    "edge/bocage_edge/receive/policy.py",
    "edge/bocage_edge/receive/title.py",
    "edge/bocage_edge/receive/uid.py",
    "edge/bocage_edge/relay/frames.py",
    "edge/bocage_edge/relay/hello.py",
    "edge/bocage_edge/relay/pulling.py",
    "edge/bocage_edge/relay/receiving.py",
    "edge/bocage_edge/relay/sending.py",
    "edge/bocage_edge/seal/attributes.py",
    "edge/bocage_edge/seal/container.py",
    "edge/bocage_edge/seal/content.py",
    "edge/bocage_edge/seal/digest.py",
    "edge/bocage_edge/seal/scanner.py",
    "edge/bocage_edge/spool/schema.py",
    "edge/bocage_edge/spool/types.py",
)
SAYS_PURE = re.compile(r"\bPure[.:,]")
EFFECTS = frozenset(
    {
        "apsw",
        "asyncio",
        "flask",
        "http",
        "multiprocessing",
        "os",
        "paho",
        "psutil",
        "pynetdicom",
        "random",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
    }
)
# What a pure module would ask the world with, though it needs no import of the above.
ASKING_CALLS = frozenset({"open", "print", "input"})
ASKING_METHODS = frozenset({"now", "utcnow", "today", "read_bytes", "read_text", "write_bytes"})

COMMAND_DOOR = "system/bocage_system/command.py"
# exec is not among them: a launcher becomes the program, it starts none.
PROCESS_STARTERS = frozenset(
    {
        "fork",
        "forkpty",
        "popen",
        "posix_spawn",
        "posix_spawnp",
        "spawnv",
        "system",
    }
)
BELOW = {
    "contract": frozenset({"bocage_contract"}),
    "system": frozenset({"bocage_system"}),
    "edge": frozenset({"bocage_edge", "bocage_contract", "bocage_system"}),
    "console": frozenset({"bocage_console", "bocage_contract", "bocage_system"}),
    "provisioning": frozenset({"bocage_provisioning", "bocage_contract", "bocage_system"}),
}
VAGUE_NAMES = frozenset(
    {
        "common",
        "helper",
        "helpers",
        "manager",
        "misc",
        "util",
        "utils",
    }
)
LONGEST_MODULE_LINES = 500  # aim at 200; look again at 400
LONGEST_FUNCTION_LINES = 60  # aim at 20


def test_the_tree_is_seen() -> None:
    assert {distribution_of(module) for module in product()} == set(DISTRIBUTIONS)
    assert "run" in files()


def test_pure_modules_have_no_effects() -> None:
    breaches = [
        f"{module.path}: imports {', '.join(sorted(module.top_imports & EFFECTS))}"
        for module in pure_modules()
        if module.top_imports & EFFECTS
    ]
    assert not breaches, breaches


def test_pure_modules_do_not_ask_the_world() -> None:
    breaches = [
        f"{module.path}:{call.lineno}"
        for module in pure_modules()
        for call in _calls(module)
        if _called(call.func) in ASKING_CALLS | ASKING_METHODS
        and not (isinstance(call.func, ast.Attribute) and call.func.attr in ASKING_CALLS)
    ]
    assert not breaches, breaches


@pytest.mark.parametrize("pattern", PURE)
def test_every_pattern_of_pure_modules_matches_something(pattern: str) -> None:
    assert any(fnmatch(module.path, pattern) for module in product())


def test_only_the_command_door_imports_subprocess() -> None:
    doors = [module.path for module in product() if "subprocess" in module.top_imports]
    assert doors == [COMMAND_DOOR]


def test_no_process_is_started_around_the_command_door() -> None:
    breaches = [
        f"{module.path}:{call.lineno}"
        for module in product()
        for call in _calls(module)
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in {"os", "pty"}
        and call.func.attr in PROCESS_STARTERS
    ]
    breaches += [m.path for m in product() if "multiprocessing" in m.top_imports]
    assert not breaches, breaches


def test_imports_between_distributions_point_down() -> None:
    breaches = [
        f"{module.path}: imports {name}"
        for module in product()
        for name in module.top_imports
        if name.startswith("bocage_") and name not in BELOW[distribution_of(module)]
    ]
    assert not breaches, breaches


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_distribution_declares_what_it_imports(distribution: str) -> None:
    """No more either: a box is to hold nothing it does not use."""
    project = tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    declared = {_distribution_name(line) for line in lines}
    imported = {
        owner
        for module in product()
        if distribution_of(module) == distribution
        for name in module.top_imports
        for owner in _owners(name)
    } - {f"bocage-{distribution}"}
    assert sorted(imported - declared) == []
    assert sorted(declared - imported) == []


def _distribution_name(text: str) -> str:
    """The normalised name at the start of a requirement (PEP 503)."""
    name = re.match(r"[A-Za-z0-9._-]+", text)
    assert name, text
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def _owners(import_name: str) -> set[str]:
    """The distributions that give an importable name; none for the standard library's."""
    if import_name.startswith("bocage_"):
        return {import_name.replace("_", "-")}
    return {_distribution_name(name) for name in _INSTALLED.get(import_name, [])}


_INSTALLED = packages_distributions()


def test_names_say_what_a_file_is() -> None:
    breaches = [
        path for path in files() if VAGUE_NAMES & set(PurePosixPath(path).with_suffix("").parts)
    ]
    assert not breaches, breaches


def test_every_module_and_public_name_has_a_docstring() -> None:
    breaches = [f"{module.path}: {name}" for module in product() for name in _undocumented(module)]
    assert not breaches, breaches


def _undocumented(module: Module) -> Iterator[str]:
    if not ast.get_docstring(module.tree) and module.tree.body:
        yield "the module"
    yield from _undocumented_in(module.tree, "")


def _undocumented_in(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _takes_over_a_docstring(node):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_in(node, f"{prefix}{node.name}.")


def _takes_over_a_docstring(node: Function | ast.ClassDef) -> bool:
    """Whether it overrides or overloads something whose docstring holds."""
    return any(_called(decorator) in {"override", "overload"} for decorator in node.decorator_list)


def test_modules_and_functions_are_of_a_size_to_read() -> None:
    breaches = [
        f"{module.path}: {len(module.text.splitlines())} lines"
        for module in (*product(), *checked_tests())
        if len(module.text.splitlines()) > LONGEST_MODULE_LINES
    ]
    breaches += [
        f"{module.path}: {function.name}, {lines} lines"
        for module in product()
        for function in module.functions()
        if (lines := _body_lines(function)) > LONGEST_FUNCTION_LINES
        and "/migrations/versions/" not in module.path  # a list of tables, made by Alembic
    ]
    assert not breaches, breaches


def _body_lines(function: Function) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_topics_stand_in_the_contract_only() -> None:
    breaches = [
        f"{module.path}:{node.lineno}"
        for module in product()
        if distribution_of(module) != "contract"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.match(r"bocage/\d", node.value)
    ]
    assert not breaches, breaches


def test_tests_mirror_the_tree() -> None:
    """What tests/edge/spool/ holds tests edge/bocage_edge/spool/: a module of it, or a matter."""
    breaches = [
        module.path
        for module in checked_tests()
        if module.path.split("/")[1] in DISTRIBUTIONS
        and not _mirrored(PurePosixPath(module.path)).is_dir()
    ]
    assert not breaches, breaches


def _mirrored(test: PurePosixPath) -> Path:
    """The package that a test's folder mirrors."""
    distribution, *folders = test.parts[1:-1]
    return ROOT.joinpath(distribution, f"bocage_{distribution}", *folders)


def test_tests_neither_sleep_nor_patch_nor_mock() -> None:
    breaches = [m.path for m in checked_tests() if any(n.startswith("unittest") for n in m.imports)]
    breaches += [
        f"{module.path}:{call.lineno}"
        for module in checked_tests()
        for call in _calls(module)
        if ast.unparse(call.func) in {"time.sleep", "sleep", "monkeypatch.setattr", "mocker.patch"}
    ]
    assert not breaches, breaches


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    breaches = [
        module.path for module in (*product(), *checked_tests()) if later.search(module.text)
    ]
    assert not breaches, breaches


def pure_modules() -> list[Module]:
    """The modules that must decide only, by the table or by their own word."""
    return [module for module in product() if _is_pure(module)]


def _is_pure(module: Module) -> bool:
    said = SAYS_PURE.search(ast.get_docstring(module.tree) or "") is not None
    return said or any(fnmatch(module.path, pattern) for pattern in PURE)


def _calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))


def _called(function: ast.expr) -> str:
    """The last part of what is called or decorates: `open`, or `now` of `datetime.now`."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
