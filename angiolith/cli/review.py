"""`angiolith review`: where the pictures are marked, what waits for a mark, and a reader's table that is checked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from angiolith.cli.audit import OutputFolder, a_run
from angiolith.cli.exits import told_in_a_line

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8


def review(
    output_dir: OutputFolder,
    table: Annotated[
        Path | None, typer.Option("--table", metavar="FILE", help="A reader's table, saved on the review page.")
    ] = None,
) -> None:
    """Show where the pictures are marked and which wait; check a reader's table before a run takes it.

    Marks are made on the report's review page, saved as TSV, and named in the configuration (review: FILE).
    Without --table the marks that the last run took are counted.

    Example: angiolith review /data/results --table review_AB.tsv
    """
    from angiolith.audit.settings import current_settings
    from angiolith.cohort.external import StudyTableError
    from angiolith.cohort.review import VERDICTS, read_review
    from angiolith.runtime.records import path_of, record_of_run

    with told_in_a_line(StudyTableError):
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
    print(f"marked:   {verdicts.total()} of {len(keys)} pictures ({counts}){f', in {source}' if source else ''}")
    waiting = sorted(keys - marked(marks))
    print(f"waiting:  {len(waiting)}")
    for subject, session, picture in waiting[:SHOWN]:
        print(f"          sub-{subject} ses-{session} {picture}")
    if len(waiting) > SHOWN:
        print(f"          ... and {len(waiting) - SHOWN} more")
    if table:
        print(f"The table is sound. To take it, write `review: {table}` in a configuration file and run with --config.")


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
