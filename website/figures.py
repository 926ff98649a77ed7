"""The figures of workflow and data flow, drawn from the table of steps: docs/images/workflow.svg and data_flow.svg.

`python -m website.figures` writes them. A subject with two visits and every kind of image is planned: a step follows
another one if it reads what that one makes. No image is read and no job runs. Rules of cohort, report and audit are
those of their files in rules/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from angiolith.core.config import Config
from angiolith.core.manifest import Row
from angiolith.core.study import InputPaths, Study
from angiolith.steps import STEPS

ROOT = Path(__file__).parents[1]
IMAGES = ("ct", "T1w", "FLAIR", "swi", "dwi", "vwi", "vwi_ce", "wall_reader1", "wall_points")
SHOWN = {"wall_reader1": "reader's drawing", "wall_points": "points in it", "vwi_ce": "vwi, contrast"}
VISITS = ("a", "b")
CONTRASTS = ("ct", "FLAIR", "swi", "dwi")
PICTURES = ("plot_subject_qc", "plot_change_qc", "export_session")  # they read nearly all: a row of their own
COLOURS = {  # by what a rule is about
    "check": "#e8e8e8",
    "register": "#dbe7f6",
    "arter|calcif": "#fbe3d6",
    "wall|plaque": "#f3dff0",
    "change": "#e4def5",
    "plot|export|report": "#fdf3cf",
    "seal|inventory|crate": "#e8e8e8",
    "microbleed|lacune|wmh|perivascular|acute|marks": "#dcefdc",
}
# px: a box, a line of text in it, the gaps between boxes, the margin
WIDTH, LINE, GAP_X, GAP_Y, MARGIN = 196, 16, 22, 34, 12
FONT = "font-family='Helvetica, Arial, sans-serif' font-size='12'"


@dataclass(frozen=True)
class Box:
    """A box of a figure: what it is called in the figure's arrows, its lines of text, how many boxes wide it is."""

    name: str
    lines: tuple[str, ...]
    wide: float = 1

    @property
    def width(self) -> int:
        """px."""
        return round(self.wide * WIDTH + (self.wide - 1) * GAP_X)

    @property
    def height(self) -> int:
        """px."""
        return 10 + LINE * len(self.lines)


@dataclass(frozen=True)
class Labels:
    """Wildcards of a job."""

    subject: str
    session: str
    reference: str = "T1w"
    contrast: str = "FLAIR"

    def get(self, key: str, default: str = "") -> str:
        """A wildcard as Snakemake gives it."""
        return str(getattr(self, key)) or default


def planned() -> Study:
    """A subject of two visits with every kind of image."""
    rows = [
        Row("01", visit, {image: f"{image}.nii.gz" for image in IMAGES} | {"visit_number": str(number)})
        for number, visit in enumerate(VISITS, 1)
    ]
    traced = {"trace": {"trace_wall": True}}
    return Study(
        Config.model_validate({"output_dir": "out", "vessel_wall": traced}), rows, Path("bids"), "resources", STEPS
    )


def paths_in(inputs: InputPaths) -> Iterator[str]:
    """Each path of a job's inputs."""
    for one in inputs.values():
        yield from [one] if isinstance(one, str) else [str(path) for path in one]


def what_steps_read(study: Study) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """By rule: the rules whose outputs it reads, and the images that it reads."""
    maker = {
        pattern.format(subject="01", session=visit, reference="T1w", contrast=contrast): rule
        for rule in STEPS
        for pattern in study.outputs_of(rule).values()
        for visit in VISITS
        for contrast in CONTRASTS
    }
    rules: dict[str, set[str]] = {}
    images: dict[str, set[str]] = {}
    for rule in STEPS:
        read = set(paths_in(study.inputs_of(rule)(Labels("01", VISITS[0]))))
        rules[rule] = {maker[path] for path in read if path in maker} - {rule}
        images[rule] = {image for image in IMAGES if f"bids/{image}.nii.gz" in read}
    return rules, images


def behind(rule: str, before: Mapping[str, set[str]]) -> set[str]:
    """All rules that a rule rests on."""
    direct = before.get(rule, set())
    return direct.union(*(behind(one, before) for one in direct)) if direct else set()


def reduced(before: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Without what follows from other edges (transitive reduction)."""
    return {
        rule: {one for one in direct if not any(one in behind(other, before) for other in direct - {one})}
        for rule, direct in before.items()
    }


def layers(before: Mapping[str, set[str]]) -> list[list[str]]:
    """Rules by the longest chain before them, within a layer near those that they follow."""
    depth: dict[str, int] = {}

    def of(rule: str) -> int:
        if rule not in depth:
            depth[rule] = 1 + max((of(one) for one in before[rule]), default=-1)
        return depth[rule]

    columns: list[list[str]] = [[] for _ in range(1 + max(map(of, before)))]
    place: dict[str, float] = {}
    for rule in sorted(before, key=of):
        columns[depth[rule]].append(rule)
    for column in columns:
        column.sort(key=lambda rule: sum(place[one] for one in before[rule]) / max(len(before[rule]), 1))
        place |= {rule: number - len(column) / 2 for number, rule in enumerate(column)}
    return columns


def rules_of(stage: str) -> list[str]:
    """Names of the rules in a file of rules/."""
    return re.findall(r"^rule (\w+):", (ROOT / f"rules/{stage}.smk").read_text(encoding="utf-8"), re.MULTILINE)


def colour(name: str) -> str:
    """The fill of a rule's box."""
    return next((fill for pattern, fill in COLOURS.items() if re.search(pattern, name)), "#ffffff")


def one_line(name: str) -> Box:
    """A box that shows its name."""
    return Box(name, (name,))


def list_of(name: str, head: str, names: Sequence[str], a_line: int, wide: int) -> Box:
    """A box of several names under a head, so many on a line."""
    lines = [", ".join(names[at : at + a_line]) for at in range(0, len(names), a_line)]
    return Box(name, (head, *lines), wide)


def drawing(rows: Sequence[Sequence[Box]], edges: Sequence[tuple[str, str]], about: str) -> str:
    """An SVG of boxes in rows, and arrows downwards.

    Parameters
    ----------
    rows : sequence of sequence of Box
        From the top.
    edges : sequence of tuple of str
        Names of the boxes: from, to.
    about : str
        What the figure shows, for those who do not see it.

    Returns
    -------
    str
        The same characters for the same figure.
    """
    widths = [sum(box.width for box in row) + GAP_X * (len(row) - 1) for row in rows]
    width, y = 2 * MARGIN + max(widths), MARGIN
    place: dict[str, tuple[int, int, Box]] = {}
    row_of = {box.name: number for number, row in enumerate(rows) for box in row}
    for row, used in zip(rows, widths, strict=True):
        x = (width - used) // 2
        for box in row:
            place[box.name] = (x, y, box)
            x += box.width + GAP_X
        y += max(box.height for box in row) + GAP_Y
    height = y - GAP_Y + MARGIN
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img' "
        f"aria-label='{escape(about)}'>",
        "<defs><marker id='end' viewBox='0 0 8 8' refX='8' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
        "<path d='M0 0 8 4 0 8z' fill='#667'/></marker></defs>",
        f"<rect width='{width}' height='{height}' fill='#fff'/>",
    ]
    for start, end in edges:
        (x0, y0, above), (x1, y1, below) = place[start], place[end]
        x0, y0, x1 = x0 + above.width // 2, y0 + above.height, x1 + below.width // 2
        if row_of[end] - row_of[start] > 1:  # past other boxes: beside their middle, where their own arrows are
            x0, x1 = x0 + above.width // 3, x1 + below.width // 3
        bend = max(GAP_Y // 2, (y1 - y0) // 3)
        lines.append(
            f"<path d='M{x0} {y0}C{x0} {y0 + bend} {x1} {y1 - bend} {x1} {y1}' fill='none' stroke='#667' "
            "stroke-opacity='.7' marker-end='url(#end)'/>"
        )
    for x, y, box in place.values():
        lines.append(
            f"<rect x='{x}' y='{y}' width='{box.width}' height='{box.height}' rx='5' fill='{colour(box.name)}' "
            "stroke='#889'/>"
        )
        for number, text in enumerate(box.lines):
            at = y + 17 + LINE * number
            lines.append(f"<text x='{x + box.width // 2}' y='{at}' text-anchor='middle' {FONT}>{escape(text)}</text>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def of_cohort() -> tuple[list[list[Box]], list[tuple[str, str]]]:
    """What follows the sessions: rows of boxes and their arrows."""
    collect, *analyses = rules_of("cohort")
    audit = [rule for rule in rules_of("audit") if rule != "seal_subject"]
    report = rules_of("report")[-1]
    rows = [
        [one_line(collect)],
        [
            list_of("analyses", "analyses of the cohort", analyses, 4, 3),
            list_of("pictures: plot, export", "each session's pictures", PICTURES, 1, 1),
        ],
        [one_line(report)],
        [one_line(rule) for rule in audit],
    ]
    edges = [(collect, "analyses"), ("analyses", report), ("pictures: plot, export", report)]
    return rows, edges + [(report, rule) for rule in audit]


def workflow() -> str:
    """The rules of a subject, then those of the cohort, the report and the audit.

    Returns
    -------
    str
        SVG.
    """
    before, _ = what_steps_read(planned())
    measuring = {rule: direct for rule, direct in before.items() if rule not in PICTURES}
    kept = reduced(measuring)
    rows, after = of_cohort()
    collect = rows[0][0].name
    edges = [(one, rule) for rule in measuring for one in sorted(kept[rule])]
    last = [rule for rule in measuring if not any(rule in direct for direct in measuring.values())]
    edges += [(rule, collect) for rule in last]
    rows = [[one_line(rule) for rule in layer] for layer in layers(measuring)] + rows
    return drawing(rows, edges + after, "The rules of the workflow, and which follows which")


def data_flow() -> str:
    """Which images stand behind which tables of a session, and where their rows go.

    Returns
    -------
    str
        SVG.
    """
    before, images = what_steps_read(planned())
    text = (ROOT / "rules/cohort.smk").read_text(encoding="utf-8")
    collected = re.findall(r'=cohort_file\(STUDY, "(\w+\.tsv)"\)', text.split("rule build_attrition")[0])
    tables, edges = [], []
    for rule, step in STEPS.items():
        if step.measures and rule != "check_images":
            names = [
                step.outputs[output].rpartition("/desc-")[2] or step.outputs[output]
                for output in step.measures.values()
            ]
            tables.append(Box(rule, tuple(name.removeprefix("desc-") for name in names)))
            used = {image for one in {rule, *behind(rule, before)} - {"check_images"} for image in images[one]}
            edges += [(image, rule) for image in IMAGES if image in used]
    edges += [(box.name, "cohort") for box in tables] + [("cohort", "analyses"), ("analyses", "report")]
    rows = [
        [Box(image, (SHOWN.get(image, image),), 0.62) for image in IMAGES],
        tables,
        [list_of("cohort", "the cohort's tables", collected, 4, 3)],
        [Box("analyses", ("a folder of tables for each analysis",), 2)],
        [Box("report", ("report/index.html",))],
    ]
    return drawing(rows, edges, "Which images stand behind which tables, and where their rows go")


FIGURES = {"workflow.svg": workflow, "data_flow.svg": data_flow}

if __name__ == "__main__":
    for name, figure in FIGURES.items():
        (ROOT / "docs/images" / name).write_text(figure(), encoding="utf-8")
