"""What a job is given to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from angiolith.core.tables import FAILED, join_reasons

Inputs = Mapping[str, Any]
"""A job's input files by name, as Snakemake hands them over: a path, several paths, or nothing."""


def refusal(checks: Mapping[str, Any], *columns: str) -> str:
    """Why these images may not be used (check_images' failures), or an empty string."""
    found = checks["images"]
    return join_reasons(*(f"{c}: {found[c]['reason']}" for c in columns if c in found and found[c]["status"] == FAILED))
