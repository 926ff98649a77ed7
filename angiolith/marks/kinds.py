"""The kinds of marks that a reader decides on: one entry each, which the table of decisions, the jobs, the cohort's
table of marks, the pictures and the page of decisions read.

Imports are light, since all of it runs for each job when a run is planned.
"""

from __future__ import annotations

from dataclasses import dataclass

from angiolith.core.study import Paths, Session

DECISIONS = ("keep", "reject", "move", "add", "redraw")
KEEP, REJECT, MOVE, ADD, REDRAW = DECISIONS
SPOT_RULE = "decide_marks"  # applies what readers decided on microbleeds, lacunes, WMH and suspected infarcts


@dataclass(frozen=True)
class MarkKind:
    """A kind of mark. Its table has the columns mark, counted, certainty, decided_by, status, reason and `number`."""

    name: str
    """The cell `kind` of a table of decisions, and what one mark is called."""
    plural: str
    found_by: str
    """The rule that finds the marks."""
    decided_in: str
    """The rule that applies the decisions."""
    table: str
    """Output of that rule: the table of marks."""
    file: str
    """How that table is called in messages."""
    number: str
    """Column of the table: the mark's number in the label map."""
    grid: str
    """The image on whose grid a drawn mask lies, as messages call it."""
    measure: str
    """Kind of measure by which the cohort collects the table."""
    montage: str
    """The picture of all marks of a session."""
    has_artery: bool = False
    """Whether a reader says whose artery's mark it is."""
    is_drawn: bool = True
    """Whether a mark can be drawn by a decision; a plaque is drawn in the drawing of the vessel wall."""

    @property
    def decisions(self) -> tuple[str, ...]:
        """What a reader can decide."""
        return tuple(
            decision
            for decision in DECISIONS
            if (self.has_artery or decision != MOVE) and (self.is_drawn or decision not in (ADD, REDRAW))
        )

    def needs(self, decision: str) -> tuple[str, ...]:
        """The cells that a decision cannot do without.

        Parameters
        ----------
        decision : str
            Name of the decision.

        Returns
        -------
        tuple[str, ...]
            Names of columns.
        """
        needed = {MOVE: ("mark", "artery"), ADD: ("artery", "file"), REDRAW: ("mark", "file")}.get(decision, ("mark",))
        return tuple(name for name in needed if name != "artery" or self.has_artery)


CALCIFICATION = MarkKind(
    name="calcification",
    plural="calcifications",
    found_by="segment_calcification",
    decided_in="measure_calcification",
    table="lesions",
    file="*_desc-calcification_lesions.tsv",
    number="lesion",
    grid="*_space-ct_desc-calcification_dseg.nii.gz",
    measure="calcification_lesions",
    montage="calcificationmarks",
    has_artery=True,
)


def _small_vessel(name: str, plural: str, found_by: str, grid: str) -> MarkKind:
    """A mark of small-vessel disease that is decided in one job with the session's others."""
    return MarkKind(
        name=name,
        plural=plural,
        found_by=found_by,
        decided_in=SPOT_RULE,
        table=f"{name}_table",
        file=f"*_desc-{name}marks.tsv",
        number=name,
        grid=grid,
        measure=f"{name}_marks",
        montage=f"{name}marks",
    )


MICROBLEED, LACUNE = SPOTS = tuple(
    _small_vessel(name, f"{name}s", f"detect_{name}s", f"*_desc-{name}s_dseg.nii.gz")
    for name in ("microbleed", "lacune")
)
ON_FLAIR = "*_space-FLAIR_desc-wmh_mask.nii.gz"
WMH = _small_vessel("wmh", "white matter hyperintensities", "segment_wmh", ON_FLAIR)
INFARCT = _small_vessel("infarct", "suspected infarcts", "segment_wmh", ON_FLAIR)
IN_SPOT_RULE = (*SPOTS, WMH, INFARCT)
PERIVASCULAR = MarkKind(
    name="perivascular_space",
    plural="perivascular spaces",
    found_by="detect_perivascular",
    decided_in="detect_perivascular",  # lacunes go before them: decided with the spots they would wait for themselves
    table="table",
    file="*_desc-perivascular.tsv",
    number="pvs",
    grid="*_desc-perivascular_dseg.nii.gz",
    measure="perivascular_marks",
    montage="perivascularmarks",
)
PLAQUE = MarkKind(
    name="plaque",
    plural="plaques",
    found_by="measure_plaque",
    decided_in="measure_plaque",
    table="metrics",
    file="*_desc-plaque_metrics.tsv",
    number="lesion",
    grid="the drawing of the vessel wall",
    measure="plaque",
    montage="plaquemarks",
    has_artery=True,
    is_drawn=False,
)
KINDS = {kind.name: kind for kind in (CALCIFICATION, *IN_SPOT_RULE, PERIVASCULAR, PLAQUE)}


def spots_of(session: Session, kind: MarkKind, part: str) -> Paths:
    """What is held of a session's spots after its readers (part: table, labels or facts); nothing where the session has
    no image for them.

    Parameters
    ----------
    session : Session
        The session.
    kind : MarkKind
        Kind of mark.
    part : str
        `table`, `labels` or `facts`.

    Returns
    -------
    Paths
        The path, or an empty list.
    """
    found = session.study.steps[kind.found_by].runs_for(session)
    return session.output(kind.decided_in, f"{kind.name}_{part}") if found else []
