"""Importing from a library without the parts that are not used here: they would cost each job up to two seconds."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

SELDOM_USED = ("numpy.f2py", "numpy.testing", "scipy.special")  # numpy and scipy.ndimage import them, with much else


class _WhenUsed(MetaPathFinder):
    """Finds the seldom used modules, and leaves their loading to the first use of one of their names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in SELDOM_USED else None
        if spec and isinstance(spec.loader, Loader):
            spec.loader = LazyLoader(spec.loader)
        return spec


def start_quickly() -> None:
    """What every process that imports the library begins with: modules that are hardly used load when they are used.

    Imports make a hundred thousand small objects that stay, and the graph of thousands of subjects millions: to look
    through them for garbage at Python's usual pace would be a tenth of a job's start and a fifth of the planning.
    """
    gc.set_threshold(200_000, 20, 20)
    sys.meta_path.insert(0, _WhenUsed())


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
