"""Intracranial artery calcification, vessel-wall plaque and small-vessel disease: images to cohort statistics.

The public interface (docs/reference/api.md) is loaded when it is first asked for.
"""

from importlib import import_module
from typing import Any

PUBLIC = (
    *("Brain", "Calcification", "Image", "Registration", "WmhSegmentation", "carry", "find_brain", "measure_plaque"),
    *("measure_wmh", "read_ct", "read_image", "register_ct_to_mri", "segment_calcification", "segment_wmh"),
)


def __getattr__(name: str) -> Any:
    if name in PUBLIC:
        return getattr(import_module("angiolith.api"), name)
    raise AttributeError(f"module 'angiolith' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
