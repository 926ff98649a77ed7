"""What a job is given to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from angiolith.core.tables import FAILED, join_reasons

Inputs = Mapping[str, Any]
"""A job's input files by name, as Snakemake hands them over: a path, several paths, or nothing."""


def refusal(checks: Mapping[str, Any], *columns: str) -> str:
    """Why these images may not be used (check_images' failures), or an empty string.

    Parameters
    ----------
    checks : Mapping[str, Any]
        Content of the session's image checks (`check_images`).
    *columns : str
        Columns of the manifest.

    Returns
    -------
    str
        One line, or an empty string where all may be used.
    """
    found = checks["images"]
    return join_reasons(*(f"{c}: {found[c]['reason']}" for c in columns if c in found and found[c]["status"] == FAILED))
