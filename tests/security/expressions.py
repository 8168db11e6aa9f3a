"""Every regular expression of the server, and whether it is tried at one place of a text or at each."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from types import ModuleType
from typing import Any

import petra

AT_ONE_PLACE = frozenset(("match", "fullmatch"))
AT_EACH = frozenset(("search", "sub", "findall", "finditer", "split"))


@dataclass(frozen=True)
class Expression:
    """A regular expression and where it stands. `searched`: somebody tries it at each place of a text."""

    where: str
    pattern: re.Pattern[str]
    searched: bool


def expressions() -> list[Expression]:
    """Those that modules keep, alone or in tables, and those in calls such as `re.search(r"…", text)`."""
    found: dict[tuple[str, int], Expression] = {}
    for module in _modules():
        tree = ast.parse(inspect.getsource(module))
        for expression in (*_kept(module, tree), *_in_calls(module, tree)):
            found.setdefault((expression.pattern.pattern, expression.pattern.flags), expression)
    return list(found.values())


def patterns(value: Any) -> Iterator[re.Pattern[str]]:
    """Those in a value of plain data, however deep."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from patterns(tuple(value.values()))
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from patterns(item)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from patterns([getattr(value, field.name) for field in fields(value)])


def _modules() -> Iterator[ModuleType]:
    """The package, but for what runs when it is imported and what the database once was."""
    for info in pkgutil.walk_packages(petra.__path__, "petra."):
        if not info.name.endswith("__main__") and ".migrations" not in info.name:
            yield importlib.import_module(info.name)


def _kept(module: ModuleType, tree: ast.Module) -> Iterator[Expression]:
    for name, value in vars(module).items():
        if not name.startswith("__"):
            for number, pattern in enumerate(patterns(value)):
                where = f"{module.__name__}.{name}" + f"[{number}]" * (not isinstance(value, re.Pattern))
                yield Expression(where, pattern, _searched(tree, name))


def _searched(tree: ast.Module, name: str) -> bool:
    """Only what its own module never does but `match` is tried at one place."""
    ways = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }
    return not name.startswith("_") or not ways & AT_ONE_PLACE or bool(ways & AT_EACH)


def _in_calls(module: ModuleType, tree: ast.Module) -> Iterator[Expression]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name("re"), attr=way), args=[ast.Constant(str(text)), *_]
            ) if way in AT_ONE_PLACE | AT_EACH:
                where = f"{module.__name__}, line {node.lineno}"
                yield Expression(where, re.compile(text), way in AT_EACH)
