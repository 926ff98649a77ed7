"""`angiolith review`: where the pictures are marked, what waits for a mark, and a reader's table that is checked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from angiolith.cli.audit import OutputFolder, a_run
from angiolith.cli.exits import errors_on_one_line
from angiolith.core.wording import count_of

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8


def review(
    output_dir: OutputFolder,
    table: Annotated[
        Path | None, typer.Option("--table", metavar="FILE", help="A reader's table, saved on the review page.")
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option("--decisions", metavar="FILE", help="A reader's table, saved on the page of marks.")
    ] = None,
) -> None:
    """Show where the pictures are marked and which wait; check a reader's tables before a run takes them.

    Marks are made on the report's review page, saved as TSV, and named in the configuration (review: FILE).
    Without --table the marks that the last run took are counted. Decisions on single marks (calcifications,
    small-vessel lesions, plaques) are made on the report's page of marks (decisions: [FILE]).

    Example: angiolith review /data/results --table review_AB.tsv --decisions marks_AB.tsv
    """
    from angiolith.audit.settings import current_settings
    from angiolith.cohort.external import StudyTableError
    from angiolith.cohort.review import VERDICTS, read_review
    from angiolith.runtime.records import path_of, record_of_run

    with errors_on_one_line(StudyTableError):
        root = a_run(output_dir)
        own = record_of_run(root)
        taken = current_settings(root, own).get("review") if own else None
        source = table or (path_of(root, own.params["workdir"]) / taken if own and taken else None)
        keys = pictures(root)
        marks = read_review(source, keys) if source else None
    page = root / "report" / "review.html"
    print(f"page:     {page if page.is_file() else f'{page} is not made yet: run the workflow to its end (group)'}")
    verdicts = Counter(marks["verdict"] if marks is not None else [])
    counts = ", ".join(f"{verdicts[name]} {name}" for name in VERDICTS)
    print(
        f"marked:   {verdicts.total()} of {count_of(len(keys), 'picture')} ({counts})"
        f"{f', in {source}' if source else ''}"
    )
    waiting = sorted(keys - marked(marks))
    print(f"waiting:  {len(waiting)}")
    for subject, session, picture in waiting[:SHOWN]:
        print(f"          sub-{subject} ses-{session} {picture}")
    if len(waiting) > SHOWN:
        print(f"          ... and {len(waiting) - SHOWN} more")
    tell_marks(root)
    if decisions:
        with errors_on_one_line(StudyTableError):
            check_decisions(root, decisions)
        print(f"The decisions are sound. To take them, write `decisions: [{decisions}]` and run with --config.")
    if table:
        print(f"The table is sound. To take it, write `review: {table}` in a configuration file and run with --config.")


def tell_marks(root: Path) -> None:
    """How many marks of each kind wait for a reader, and in which sessions."""
    from angiolith.core.tables import read_tsv
    from angiolith.marks.kinds import KINDS
    from angiolith.marks.verdicts import waiting

    path = root / "cohort" / "marks.tsv"
    if not path.is_file():
        return
    marks = read_tsv(path)
    open_ones = waiting(marks)
    for name, kind in KINDS.items():
        found, waits = (int((table["kind"] == name).sum()) for table in (marks, open_ones))
        print(f"{kind.plural + ':':<16}{found}, of which {waits} wait for a reader")
    print(f"page of marks:  {root / 'report' / 'marks.html'}")
    counts = list(open_ones.groupby(["subject", "session"]).size().items())
    for (subject, session), count in counts[:SHOWN]:
        print(f"          sub-{subject} ses-{session}: {count}")
    if len(counts) > SHOWN:
        print(f"          ... and {count_of(len(counts) - SHOWN, 'more session')}")


def check_decisions(root: Path, path: Path) -> None:
    """Raise StudyTableError, a line per problem, for decisions that the run would not take."""
    from angiolith.cohort.external import StudyTableError
    from angiolith.core.tables import read_tsv
    from angiolith.marks.decisions import DecisionError, read_decisions, unknown_marks
    from angiolith.marks.kinds import KINDS

    manifest = read_tsv(root / "manifest.tsv", dtype=str)
    sessions = set(zip(manifest["subject"], manifest["session"], strict=True))
    try:
        read_decisions([path], sessions)
    except DecisionError as problem:
        raise StudyTableError(*str(problem).splitlines()) from None
    marks = read_tsv(root / "cohort" / "marks.tsv")
    known = {
        (subject, session, kind): list(part["mark"])
        for (subject, session, kind), part in marks.groupby(["subject", "session", "kind"])
    }
    empty: dict[tuple[str, str, str], list[str]] = {(*session, kind): [] for session in sessions for kind in KINDS}
    if stale := unknown_marks([path], empty | known):
        raise StudyTableError(*stale)


def pictures(root: Path) -> set[tuple[str, str, str]]:
    """Every picture that can be marked: subject, session, picture."""
    from angiolith.cohort.review import picture_keys
    from angiolith.core.manifest import read_manifest, visit_pairs
    from angiolith.core.tables import read_tsv

    manifest = read_tsv(root / "manifest.tsv", dtype=str)
    return picture_keys(manifest, visit_pairs(read_manifest(root / "manifest.tsv")))


def marked(marks: pd.DataFrame | None) -> set[tuple[str, str, str]]:
    if marks is None:
        return set()
    return {(row["subject"], row["session"], row["picture"]) for row in marks.to_dict("records")}
