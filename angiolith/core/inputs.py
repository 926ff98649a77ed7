"""What a job is given to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Inputs = Mapping[str, Any]
"""A job's input files by name, as Snakemake hands them over: a path, several paths, or nothing."""
