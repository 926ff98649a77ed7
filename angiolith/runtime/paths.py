"""Where the workflow's own files are: in a checkout beside the package, in an installation inside it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def workflow_root() -> Path:
    """The folder of Snakefile, rules, scripts, config, resources, profiles and envs."""
    installed = PACKAGE / "workflow"
    return installed if (installed / "Snakefile").is_file() else PACKAGE.parent


def package_of(root: Path) -> Path:
    """The package `angiolith` that a workflow's folder belongs to: in it (checkout) or around it (installation).

    Parameters
    ----------
    root : Path
        The workflow's folder.

    Returns
    -------
    Path
        The package's folder.
    """
    beside = root / "angiolith"
    return beside if beside.is_dir() else root.parent


def source_path(name: str, root: Path) -> Path:
    """The file of a source by its name (`scripts/x.py`, `angiolith/...`), which is the same in both layouts.

    Parameters
    ----------
    name : str
        Name of the source.
    root : Path
        The workflow's folder.

    Returns
    -------
    Path
        Its path.
    """
    folder, _, rest = name.partition("/")
    return package_of(root) / rest if folder == "angiolith" else root / name


def require_package_of(root: Path) -> None:
    """Raise RuntimeError if another copy of the package is imported than the workflow's, whose digests are recorded.

    Parameters
    ----------
    root : Path
        The workflow's folder.

    Raises
    ------
    RuntimeError
        If another copy of the package is imported than the workflow's.
    """
    own = package_of(root).resolve()
    if own != PACKAGE.resolve():
        raise RuntimeError(
            f"the workflow in {root} belongs to the package {own}, but Python imports {PACKAGE}: install the former in "
            f"this environment, or put {own.parent} first in PYTHONPATH"
        )
