"""Versions of the libraries that a process has imported, as records and the report state them."""

from __future__ import annotations

import sys
from functools import cache
from importlib import metadata

DISTRIBUTIONS = {
    "ants": "antspyx",
    "SimpleITK": "SimpleITK",
    "nibabel": "nibabel",
    "numpy": "numpy",
    "pandas": "pandas",
    "firthmodels": "firthmodels",
    "formulaic": "formulaic",
    "docx": "python-docx",
    "pingouin": "pingouin",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "statsmodels": "statsmodels",
    "matplotlib": "matplotlib",
    "nilearn": "nilearn",
}


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that this process has really imported."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for module, distribution in DISTRIBUTIONS.items():
        if module in sys.modules:
            found[distribution] = _version(distribution)
    return found


_version = cache(metadata.version)  # asked for twice by each job, and slow
