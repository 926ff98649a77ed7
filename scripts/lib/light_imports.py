"""Importing from a library without the parts that are not used here: they would cost each job up to two seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType


@contextmanager
def stand_ins(modules: dict[str, ModuleType | None]) -> Iterator[None]:
    """Meanwhile these names import what is given; None: the import fails, as where the library is not installed."""
    known = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(known)


@cache
def import_ants() -> ModuleType:
    """ANTs' images and registration; its other parts load matplotlib, scikit-learn and statsmodels."""
    unused = ("contrib", "deeplearn", "label", "learn", "math", "plotting", "segmentation")
    with stand_ins({name: ModuleType(name) for name in (f"ants.{part}" for part in unused)}):
        import ants
    return ants
