"""A digest of what a script computes: its own code and that of every scientific module it imports, comments left out.

Snakemake judges a script by its time stamp and never looks at imported modules. Given as a param, this digest makes a
rule run again when, and only when, code that its results depend on has changed. Imports are not followed into
`angiolith.runtime`, which decides no result; what every job's results depend on, `angiolith/core/reproducible.py`, is
covered without an import. Sources are named the same in a checkout and in an installation, and so are the digests.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from angiolith.runtime.paths import package_of

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
RUNTIME = "angiolith/runtime/"
NORMALISED = 2  # version of what is left out, so that a remembered source of an older one is not taken
OF_EVERY_JOB = "angiolith/core/reproducible.py"


def code_digest(script: str | Path, root: str | Path) -> str:
    """SHA-256 (16 hex digits) over the normalised source of `script` and of all scientific modules that it reaches.

    Comments, docstrings and layout do not count. Imports are followed wherever they stand in a file.

    Parameters
    ----------
    script : str | Path
        Path of the script.
    root : str | Path
        The workflow's folder.

    Returns
    -------
    str
        16 hex digits.

    Raises
    ------
    SyntaxError
        If a source cannot be parsed; the message names the file.
    """
    digest = hashlib.sha256()
    for name, path in sorted(reached_sources(Path(script), Path(root)).items()):
        digest.update(name.encode())
        digest.update(normalised(path).encode())
    return digest.hexdigest()[:16]


def reached_sources(script: Path, root: Path) -> dict[str, Path]:
    """Name -> path of the script and of every scientific source that it imports, directly or through others.

    Parameters
    ----------
    script : Path
        Path of the script.
    root : Path
        The workflow's folder.

    Returns
    -------
    dict[str, Path]
        Name -> path.
    """
    sources = _sources(root)
    reached: dict[str, Path] = {}
    waiting = [_name_of(script, root), *({OF_EVERY_JOB} & sources.keys())]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached[name] = path = sources[name]
        for imported in _parsed(path, path.stat().st_mtime_ns)[1]:
            parts = imported.split(".")
            stems = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
            waiting += [file for stem in stems for file in (f"{stem}.py", f"{stem}/__init__.py") if file in sources]
    return reached


def _name_of(script: Path, root: Path) -> str:
    if script.is_relative_to(root / "scripts"):
        return script.relative_to(root).as_posix()
    return f"angiolith/{script.relative_to(package_of(root)).as_posix()}"


def _sources(root: Path) -> dict[str, Path]:
    """Name -> path of all Python sources but the runtime's."""
    found: dict[str, Path] = {}
    for name, top in (("angiolith", package_of(root)), ("scripts", root / "scripts")):
        for folder, folders, files in os.walk(top):
            folders[:] = [each for each in folders if each not in ("__pycache__", "workflow")]
            prefix = f"{name}/{Path(folder, '_').relative_to(top).as_posix()[:-1]}"
            found |= {f"{prefix}{file}": Path(folder, file) for file in files if file.endswith(".py")}
    return {name: path for name, path in found.items() if not name.startswith(RUNTIME)}


def normalised(path: Path) -> str:
    """The source without comments, docstrings and layout.

    Parameters
    ----------
    path : Path
        Path of the source.

    Returns
    -------
    str
        The normalised source.
    """
    return _parsed(path, path.stat().st_mtime_ns)[0]


@lru_cache(maxsize=1024)
def _parsed(path: Path, _mtime_ns: int) -> tuple[str, tuple[str, ...]]:
    """Normalised source, and the dotted names of everything imported; remembered beside the compiled module, by
    content: to normalise the whole project takes longer than all else at the start of a run."""
    source = path.read_bytes()
    key = f"{NORMALISED} {sys.version_info[:2]} {hashlib.sha256(source).hexdigest()}"
    memory = path.parent / "__pycache__" / f"{path.stem}.normalised"
    try:
        known, text, imported = json.loads(memory.read_text(encoding="utf-8"))
        if known == key:
            return text, tuple(imported)
    except (OSError, ValueError):
        pass
    text, imported = _normalised(source, path)
    with suppress(OSError):  # a project that is not the user's own, say
        memory.parent.mkdir(exist_ok=True)
        temporary = memory.with_name(f"{memory.name}.{os.getpid()}")
        temporary.write_text(json.dumps([key, text, imported]), encoding="utf-8")
        temporary.replace(memory)
    return text, imported


def _normalised(source: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    tree = ast.parse(source, filename=str(path))
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, DOCUMENTED):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    return ast.unparse(tree), tuple(imported)


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a text alone: a docstring, of a module, class, function, or of what stands above it."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
