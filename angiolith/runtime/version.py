"""The project's version, and that of the runtime, which is no part of the code digests."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from importlib import metadata

from angiolith.runtime.code_digest import normalised
from angiolith.runtime.paths import PACKAGE, workflow_root

UNKNOWN = "n/a"


@cache
def project_version() -> str:
    """The project's version: a checkout's from pyproject.toml, an installation's from its metadata, else n/a."""
    path = workflow_root() / "pyproject.toml"
    if path.is_file():
        return str(tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"])
    try:
        return metadata.version("angiolith")
    except metadata.PackageNotFoundError:
        return UNKNOWN


@cache
def runtime_version() -> str:
    """The project's version and a digest (8 hex digits) of the runtime's code, for example 0.2.0+1f0c9a3e."""
    digest = hashlib.sha256()
    for path in sorted((PACKAGE / "runtime").glob("*.py")):
        digest.update(path.name.encode())
        digest.update(normalised(path).encode())
    return f"{project_version()}+{digest.hexdigest()[:8]}"
