"""Lint of docstrings: which public functions lack a parameter, what they return or what they raise.

`python -m tests.docstrings` reads the package without importing it. A docstring is complete (numpydoc's format) if
`Parameters` names the arguments of the signature and no others, `Returns` or `Yields` is there where something comes
back, and `Raises` names each exception that the function itself raises. The public interface (`angiolith/api.py`) is
complete. Each other room of the package has a row in `docstring_limits.tsv`: the number of its public functions that
are not. `--tighten` lowers the rows and never raises one; `--list` prints what is missing.

Why not numpydoc's own checker or pydoclint: the first needs Sphinx in this environment, the second does not know
numpydoc's `first, second : type`. The commands (`angiolith/cli`) have their help for a docstring.
"""

from __future__ import annotations

import argparse
import ast
import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMITS = Path(__file__).with_name("docstring_limits.tsv")
COLUMNS = ("room", "incomplete")
INTERFACE = "public interface"  # a room of its own, without a row: all of it is complete
API = "angiolith/api.py"
ELSEWHERE = {"angiolith/core/images.py": ("Image", "read_image", "read_ct")}  # what the interface takes from others
COMMANDS = "angiolith/cli"
Function = ast.FunctionDef | ast.AsyncFunctionDef
TITLE = re.compile(r"^(\w+)\n-{3,}$", re.MULTILINE)
ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", re.MULTILINE)


def sections(docstring: str) -> dict[str, str]:
    """The text of each section by its title (numpydoc), such as Parameters."""
    parts = TITLE.split(docstring)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section: str) -> list[str]:
    """Names that a section explains: those of lines that are not indented."""
    return [name.strip("* ") for line in ENTRY.findall(section) for name in line.split(",")]


def _nodes(body: list[ast.stmt]) -> list[ast.AST]:
    return [node for statement in body for node in ast.walk(statement)]


def arguments(function: Function) -> list[str]:
    """The signature's arguments but for self and cls."""
    every = function.args
    names = [*every.posonlyargs, *every.args, *every.kwonlyargs, *filter(None, (every.vararg, every.kwarg))]
    return [one.arg for one in names if one.arg not in ("self", "cls")]


def own_nodes(function: Function) -> Iterator[ast.AST]:
    """Nodes of the function's body, without those of functions and classes within it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def _caught(block: ast.Try) -> set[str]:
    """Names of the exceptions that a block's handlers take."""
    types = [handler.type for handler in block.handlers]
    each = [one for kind in types for one in (kind.elts if isinstance(kind, ast.Tuple) else [kind])]
    return {one.attr if isinstance(one, ast.Attribute) else ast.unparse(one) for one in each if one is not None}


def raised(function: Function) -> set[str]:
    """Names of the exceptions that the function itself raises and does not catch."""
    found = set()
    inside = [(node, _caught(node)) for node in own_nodes(function) if isinstance(node, ast.Try)]
    for node in own_nodes(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            what = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = what.attr if isinstance(what, ast.Attribute) else what.id if isinstance(what, ast.Name) else ""
            caught = any(name in names and node in _nodes(block.body) for block, names in inside)
            found |= {name} if name[:1].isupper() and not caught else set()
    return found


def gaps(function: Function) -> list[str]:
    """What the docstring of a function lacks."""
    text = ast.get_docstring(function)
    if text is None:
        return ["docstring"]
    if any(isinstance(one, ast.Name) and one.id in ("property", "cached_property") for one in function.decorator_list):
        return []
    parts, signature, errors = sections(text), arguments(function), raised(function)
    if not signature and not errors:
        return []
    explained = entries(parts.get("Parameters", ""))
    found = [f"parameter {name}" for name in signature if name not in explained]
    found += [f"{name} is no parameter" for name in explained if name not in signature]
    silent = function.returns is None or ast.unparse(function.returns) in ("None", "NoReturn", "Never")
    if not silent and not {"Returns", "Yields"} & parts.keys():
        found.append("Returns")
    return found + [f"Raises {name}" for name in sorted(errors - set(entries(parts.get("Raises", ""))))]


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Public functions of a module, and public methods of its public classes but for pydantic's validators."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if any("validator" in ast.unparse(one) for one in node.decorator_list):
                continue
            yield prefix + node.name, node


def incomplete(root: Path = ROOT) -> dict[str, list[str]]:
    """By room, one line per public function whose docstring is not complete: file, line, name and what is missing."""
    found: dict[str, list[str]] = {}
    for module in sorted((root / "angiolith").rglob("*.py")):
        name = module.relative_to(root).as_posix()
        folder = module.parent.relative_to(root).as_posix()
        if folder == COMMANDS:
            continue
        for function, node in public(ast.parse(module.read_text(encoding="utf-8")).body):
            exposed = name == API or function.split(".")[0] in ELSEWHERE.get(name, ())
            lines = found.setdefault(INTERFACE if exposed else folder, [])
            if missing := gaps(node):
                lines.append(f"{name}:{node.lineno}: {function}: {', '.join(missing)}")
    return found


def read_limits(file: Path = LIMITS) -> dict[str, int]:
    """Rows of the table: room -> public functions whose docstring may be incomplete."""
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["room"]: int(row["incomplete"]) for row in csv.DictReader(lines, delimiter="\t")}


def complaints(found: dict[str, list[str]], limits: dict[str, int]) -> list[str]:
    """A line for each room over its limit, and for each row without a room."""
    lines = [f"{room}: has a limit but is no room: drop its row" for room in limits if room not in found]
    for room, functions in found.items():
        allowed = limits.get(room, 0)
        if len(functions) > allowed:
            lines.append(
                f"{room}: {len(functions)} public functions without a complete docstring, {allowed} allowed: complete "
                "those that you touched (python -m tests.docstrings --list)"
            )
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Check the package; the exit status is 1 where a room is over its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.docstrings", description="Lint of docstrings.")
    parser.add_argument("--tighten", action="store_true", help="lower the limits to what is reached")
    parser.add_argument("--list", action="store_true", help="print what is missing, function by function")
    options = parser.parse_args(arguments)
    found, limits = incomplete(), read_limits()
    if options.list:
        print(*(line for lines in found.values() for line in lines), sep="\n")
        return 0
    if options.tighten:
        rows = {room: min(limit, len(found.get(room, []))) for room, limit in limits.items()}
        text = ["\t".join(COLUMNS), *(f"{room}\t{number}" for room, number in sorted(rows.items()) if number)]
        LIMITS.write_text("\n".join(text) + "\n", encoding="utf-8")
    lines = complaints(found, limits)
    print(*lines, sep="\n", file=sys.stderr, end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
