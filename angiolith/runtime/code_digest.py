"""A digest of what a script computes: its own code and that of every project module it imports, comments left out.

Snakemake judges a script by its time stamp and never looks at imported modules. Given as a param, this digest makes a
rule run again when, and only when, code that it depends on has changed.
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

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(script: str | Path, root: str | Path) -> str:
    """SHA-256 (16 hex digits) over the normalised source of `script` and of all modules under `root` it reaches.

    Comments, docstrings and layout do not count. Imports are followed wherever they stand in a file. Raises
    SyntaxError, naming the file, if one cannot be parsed.
    """
    digest = hashlib.sha256()
    for path in sorted(reached_modules(Path(script), Path(root))):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(_parsed(path, path.stat().st_mtime_ns)[0].encode())
    return digest.hexdigest()[:16]


def reached_modules(script: Path, root: Path) -> set[Path]:
    """The script and every file of the project's package or `scripts` that it imports, directly or through others."""
    walks = (walk for name in ("angiolith", "scripts") for walk in os.walk(root / name))
    sources = {Path(folder, name) for folder, _, names in walks for name in names}
    files: dict[str, list[Path]] = {}  # of each dotted name
    reached: set[Path] = set()
    waiting = [Path(script)]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        for name in _parsed(path, path.stat().st_mtime_ns)[1]:
            if name not in files:
                parts = name.split(".")
                stems = [root.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
                paths = (path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py"))
                files[name] = [path for path in paths if path in sources]
            waiting += files[name]
    return reached


@lru_cache(maxsize=1024)
def _parsed(path: Path, _mtime_ns: int) -> tuple[str, tuple[str, ...]]:
    """Normalised source, and the dotted names of everything imported; remembered beside the compiled module, by
    content: to normalise the whole project takes longer than all else at the start of a run."""
    source = path.read_bytes()
    key = f"{sys.version_info[:2]} {hashlib.sha256(source).hexdigest()}"
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
        elif isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree), tuple(imported)
