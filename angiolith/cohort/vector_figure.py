"""Vector figures of a cohort's tables, opened and saved in one way: a table gives the same bytes on every run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from angiolith.core.tables import atomic_path

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# [inch] Two columns of a journal, 180 mm. Source: layout.
TWO_COLUMNS_INCH = 7.1
# [1] Ticks within a power of ten. Source: layout.
TICKS = (1.0, 2.0, 5.0)


@contextmanager
def vector_figure(
    path: str | Path, size_inch: tuple[float, float], font_size: float, layout: str | None = "constrained"
) -> Iterator[Figure]:
    """An empty figure, which is saved as SVG when the block ends.

    Parameters
    ----------
    path : str or Path
        The file.
    size_inch : tuple of float
        Horizontal and vertical size.
    font_size : float
        In points.
    layout : str, optional
        Matplotlib's layout engine.

    Yields
    ------
    Figure
        To be drawn on.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with matplotlib.rc_context({"svg.hashsalt": "angiolith", "svg.fonttype": "none", "font.size": font_size}):
        figure = pyplot.figure(figsize=size_inch, layout=layout)
        yield figure
        save_vector(figure, path)
        pyplot.close(figure)


def save_vector(figure: Figure, path: str | Path) -> None:
    """Save a figure as SVG, the same bytes on every run.

    Parameters
    ----------
    figure : Figure
        Drawn.
    path : str or Path
        The file.
    """
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "angiolith", "svg.fonttype": "none"}), atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def as_ratio(axis: Axis) -> None:
    """Ticks of a logarithmic axis of ratios: few, and in plain numbers.

    Parameters
    ----------
    axis : Axis
        Whose scale is logarithmic.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=TICKS))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())
