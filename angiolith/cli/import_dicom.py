"""`angiolith import-dicom`: a PACS export to a BIDS folder."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from angiolith.cli.exits import UsageProblem, errors_on_one_line
from angiolith.core.wording import count_of

if TYPE_CHECKING:
    from angiolith.dicom.importing import Outcome
    from angiolith.dicom.listing import Listed

REASONS_SHOWN = 12
ROWS_SHOWN = 30  # volumes that are listed one by one; of larger exports the reasons are counted


def import_dicom(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="A folder of DICOM files, in any order.")],
    bids_dir: Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="The BIDS folder: made, or added to.")],
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Patients and their pseudonyms; default: BIDS_DIR_key.tsv."),
    ] = None,
    series: Annotated[
        Path | None,
        typer.Option("--series", metavar="FILE", help="Every series and your answers; default: BIDS_DIR_series.tsv."),
    ] = None,
    visit_days: Annotated[
        int | None, typer.Option("--visit-days", min=0, help="Days within which studies are one visit; default: 30.")
    ] = None,
    shift_dates: Annotated[
        bool,
        typer.Option("--shift-dates/--real-dates", help="Shift the dates of each new patient by a number of days."),
    ] = True,
    list_only: Annotated[
        bool, typer.Option("--list", help="Write the table of series alone; convert nothing.")
    ] = False,
    studies: Annotated[
        str | None,
        typer.Option("--studies", metavar="vba|csvd|both", help="Write these studies' configuration and tables, too."),
    ] = None,
) -> None:
    """Sort a PACS export and convert what the workflow reads into a BIDS folder, without names.

    Every series gets a decision with its reason: take, leave, refuse (no right image can be made of it) or ask. The
    table of series lists them. Where it says ask, write into its column `answer` what the series is (ct, T1w, T1w_ce,
    T2w, FLAIR, swi, swi_mag, swi_phase, T2starw, T2starw_phase, vwi, vwi_ce, angio, dwi, adc) or `leave`, and run the
    same command again. A second import of a grown export adds only what is new. Keep the key file and the table: they
    lie beside BIDS_DIR, and only they tell who is who.

    With --studies the configuration of a study (BIDS_DIR_study.yaml) and its clinical tables to fill in are written as
    `new-study` does; the line that is printed last then leads to the studies' tables.

    Example: angiolith import-dicom /data/export /data/stroke --studies both
    """
    from angiolith.cli.new_study import studies_asked
    from angiolith.core.manifest_checks import ManifestError
    from angiolith.dicom.importing import Order, private_files
    from angiolith.dicom.importing import import_dicom as imported
    from angiolith.dicom.listing import ListingProblem
    from angiolith.dicom.people import KeyProblem
    from angiolith.dicom.visits import VISIT_DAYS

    with errors_on_one_line(KeyProblem, ListingProblem, ManifestError):
        asked = studies_asked(studies) if studies else []
        if not export.is_dir():
            raise UsageProblem(f"{export}: no such folder")
        key_file, series_file = private_files(bids_dir)
        days = VISIT_DAYS if visit_days is None else visit_days
        order = Order(export, bids_dir, key or key_file, series or series_file, days, shift_dates, list_only)
        outcome = imported(order, lambda text: print(text, file=sys.stderr, flush=True))
    for line in summary(outcome, order.series, order.key, days):
        print(line)
    if asked and not list_only:
        print(study_of(bids_dir, asked))


def study_of(bids_dir: Path, studies: Sequence[str]) -> str:
    """Write the configuration and clinical tables of an imported study; the line that says how to run it."""
    from angiolith.cli.new_study import results_of
    from angiolith.cohort.new_study import write_study

    folder = bids_dir.absolute()
    config, output = folder.with_name(f"{folder.name}_study.yaml"), results_of(bids_dir)
    write_study(bids_dir, output, config, studies)
    return f"then:     angiolith run {bids_dir} {output} group --config {config}"


def summary(outcome: Outcome, series: Path, key: Path, visit_days: int) -> Iterator[str]:
    """What became of an export, in lines."""
    rows = outcome.rows
    in_series = sum(int(row.get("files")) for row in rows)
    by_series = decisions_by_series(rows)
    several = f" ({count_of(len(rows), 'volume')})" if len(rows) > len(by_series) else ""
    others = count_of(len(outcome.others), "other")
    yield f"files:    {outcome.n_files}: {in_series} in {len(by_series)} series{several}, {others}"
    for what, n in Counter(what for _, what in outcome.others).items():
        yield f"          {n} {what}"
    counts = Counter(by_series.values())
    yield f"series:   {', '.join(f'{counts[name]} {word}' for name, word in WORDS.items())}"
    sessions = {(row.get("subject"), row.get("session")) for row in rows if row.get("session")}
    subjects = {row.get("subject") for row in rows}
    visits = f"{count_of(len(sessions), 'visit')} (studies within {count_of(visit_days, 'day')} are one)"
    yield f"visits:   {count_of(len(subjects), 'subject')}, {visits}"
    yield from _apart(rows)
    yield f"images:   {outcome.decisions['take']}, of which {outcome.n_new} were written now"
    yield from (_each(rows) if len(rows) <= ROWS_SHOWN else _in_short(rows))
    if counts["ask"]:
        yield f"answer:   write into the column `answer` of {series} what they are, and run this again"
    yield f"table:    {series} (every series with its reason)"
    yield f"key:      {key} (keep it, and give it to nobody)"


def decisions_by_series(rows: Sequence[Listed]) -> dict[str, str]:
    """Series -> its decision: of several volumes the one that comes first in WORDS."""
    order = [*WORDS]
    found: dict[str, str] = {}
    for row in rows:
        uid, decision = row.get("series_uid"), row.get("decision")
        found[uid] = min(found.get(uid, decision), decision, key=order.index)
    return found


def _each(rows: Sequence[Listed]) -> Iterator[str]:
    """A line for every volume."""
    for row in rows:
        what = f"{row.get('decision')} {row.get('target')}".strip()
        yield f"          {_called(row)}, {row.get('description') or 'no description'}: {what}: {row.get('reason')}"


def _in_short(rows: Sequence[Listed]) -> Iterator[str]:
    """What is left, by its reasons; a line for each volume that is refused or asked."""
    left = Counter(row.get("reason") for row in rows if row.get("decision") == "leave")
    for reason, n in left.most_common(REASONS_SHOWN):
        yield f"left:     {n} {reason}"
    if len(left) > REASONS_SHOWN:
        yield f"          ... and {count_of(len(left) - REASONS_SHOWN, 'more reason')}, in the table"
    for word, decision in (("refused:", "refuse"), ("ask:", "ask")):
        for row in (row for row in rows if row.get("decision") == decision):
            yield f"{word:<9} {_called(row)}: {row.get('reason')}"


def _apart(rows: Sequence[Listed]) -> Iterator[str]:
    """Subjects whose CT and MRI are in different visits, which the workflow does not join."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in (row for row in rows if row.get("decision") == "take"):
        found.setdefault(row.get("subject"), {}).setdefault(row.get("session"), set()).add(row.get("modality"))
    for subject, sessions in sorted(found.items()):
        kinds = [*sessions.values()]
        if {"CT"} in kinds and {"MR"} in kinds:
            yield f"note:     sub-{subject} has CT and MRI in different visits; if they are one: --visit-days"


WORDS = {"take": "taken", "ask": "to be asked", "refuse": "refused", "leave": "left"}


def _called(row: Listed) -> str:
    part = f", part {row.get('part')}" if row.get("part") != "1" else ""
    visit = f" ses-{row.get('session')}" if row.get("session") else ""
    return f"sub-{row.get('subject')}{visit} series {row.get('series') or '?'}{part}"
