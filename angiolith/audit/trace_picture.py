"""The way to a cell as a picture: jobs in columns by their distance from the cell, files that no job made among them.

Jobs of one rule at one distance are one box with their number, so that a cohort fits on a page.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

from angiolith.audit.lineage import Lineage

BEND = "arc3,rad=-0.2"
WIDTH_INCH, HEIGHT_INCH = 2.3, 0.55


def draw_trace(found: Lineage, path: str | Path) -> None:
    """Draw a lineage into a file whose ending names the format; equal lineages give equal bytes.

    Parameters
    ----------
    found : Lineage
        The lineage of a cell.
    path : str | Path
        Path of the picture to write.
    """
    boxes, arrows = boxes_and_arrows(found)
    columns: dict[int, list[str]] = defaultdict(list)
    for name, depth in boxes.items():
        columns[depth].append(name)
    tallest, deepest = max(map(len, columns.values())), max(columns)
    figure = Figure(figsize=(WIDTH_INCH * (deepest + 1), max(HEIGHT_INCH * (tallest + 1), 1.5)))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.5, deepest + 0.5), ylim=(-0.5, tallest - 0.5))
    axes.axis("off")
    places = {
        name: (deepest - depth, (tallest - 1) / 2 + (len(names) - 1) / 2 - row)
        for depth, names in columns.items()
        for row, name in enumerate(names)
    }
    for source, target in sorted(arrows):
        style = {"arrowstyle": "->", "color": "0.6", "shrinkA": 30, "shrinkB": 30, "linewidth": 0.7}
        far = boxes[source] - boxes[target] > 1  # around the boxes between
        axes.annotate("", places[target], places[source], arrowprops=style | ({"connectionstyle": BEND} if far else {}))
    for name, place in places.items():
        axes.text(
            *place, name, ha="center", va="center", fontsize=7, bbox={"boxstyle": "round", "fc": "w", "ec": "0.3"}
        )
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(Path(path).suffix)
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "angiolith"}):
        figure.savefig(path, metadata=metadata)


def boxes_and_arrows(found: Lineage) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """Label -> depth of every box, and (from, to) labels: rules with the number of their jobs, kinds of raw files.

    Parameters
    ----------
    found : Lineage
        The lineage of a cell.

    Returns
    -------
    tuple[dict[str, int], set[tuple[str, str]]]
        Label -> depth, and pairs of labels.
    """
    cell, steps = found.cell, found.steps
    jobs: dict[str, set[str]] = defaultdict(set)
    raw: dict[str, set[str]] = defaultdict(set)
    for step in steps:
        if step.record:
            jobs[step.record.rule].add(step.record.name)
        else:
            raw[_kind(step.name)].add(step.name)
    label = {name: (f"{name}\n{len(of)} jobs" if len(of) > 1 else name) for name, of in jobs.items()}
    label |= {name: (f"{name}\n{len(of)} files" if len(of) > 1 else name) for name, of in raw.items()}
    top = f"{cell.column} = {cell.value}"
    boxes, arrows = {top: 0}, set()
    of_step = {step.name: step.record.rule if step.record else _kind(step.name) for step in steps}
    depth: dict[str, int] = {}
    for step in steps:
        for source in step.read:
            if of_step[source] != of_step[step.name]:
                arrows.add((label[of_step[source]], label[of_step[step.name]]))
    arrows.add((label[of_step[cell.file]], top))
    depth = {top: 0}
    for _ in range(len(label) + 1):  # longest way to the cell, so that arrows all run to the right
        for source, target in arrows:
            if target in depth:
                depth[source] = max(depth.get(source, 0), depth[target] + 1)
    boxes |= {name: depth[name] for name in sorted(depth)}
    return boxes, arrows


def _kind(name: str) -> str:
    """What a file that no job made is: its suffix among images, its name otherwise."""
    base = name.rsplit("/", 1)[-1]
    return base.rsplit("_", 1)[-1].split(".")[0] if base.startswith("sub-") else base
