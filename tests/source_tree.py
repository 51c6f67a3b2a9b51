"""The checkout as data: its files, its modules, what they import and define."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTIONS = ("contract", "system", "edge", "console", "provisioning")
_MADE_BY_TOOLS = frozenset({"__pycache__", "node_modules", "build", "dist"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file of the checkout.

    Args:
        path: from the root, with slashes: "edge/bocage_edge/spool/store.py".
    """

    path: str

    @cached_property
    def text(self) -> str:
        """The file's text."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The file's syntax tree."""
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def imports(self) -> frozenset[str]:
        """Dotted names the file imports from elsewhere, wherever in it; not `from .sibling`."""
        return frozenset(_imports(self.tree))

    @property
    def top_imports(self) -> frozenset[str]:
        """The first part of each imported name."""
        return frozenset(name.partition(".")[0] for name in self.imports)

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


@lru_cache(maxsize=1)
def files() -> tuple[str, ...]:
    """Every file of ours, from the root, with slashes; not what tools made."""
    return tuple(sorted(_walk(ROOT)))


def _walk(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        hidden = path.name.startswith(".") and path.name != ".ci"
        if hidden or path.name in _MADE_BY_TOOLS or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path.relative_to(ROOT).as_posix()


@lru_cache(maxsize=1)
def product() -> tuple[Module, ...]:
    """The modules of our distributions."""
    ours = tuple(f"{name}/" for name in DISTRIBUTIONS)
    return tuple(Module(path) for path in files() if path.endswith(".py") and path.startswith(ours))


@lru_cache(maxsize=1)
def checked_tests() -> tuple[Module, ...]:
    """The modules below tests/."""
    return tuple(
        Module(path) for path in files() if path.endswith(".py") and path.startswith("tests/")
    )


def distribution_of(module: Module) -> str:
    """The distribution a module belongs to: the first part of its path."""
    return module.path.partition("/")[0]
