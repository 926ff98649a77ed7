"""Where the workflow's own files are: in a checkout beside the package, in an installation inside it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def workflow_root() -> Path:
    """The folder of Snakefile, rules, scripts, config, resources, profiles and envs."""
    installed = PACKAGE / "workflow"
    return installed if (installed / "Snakefile").is_file() else PACKAGE.parent
