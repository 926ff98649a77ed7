"""Commands on a run's output folder: how far it is, whether it still holds, where a number comes from, withdrawal."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.exits import Exit, UsageProblem, errors_on_one_line
from angiolith.core.wording import count_of

OutputFolder = Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="The output folder of a run.")]
SOURCES_SHOWN = 8


def a_run(output_dir: Path) -> Path:
    """The output folder, where a run has begun in it."""
    if not (output_dir / "manifest.tsv").is_file():
        raise UsageProblem(f"{output_dir}: no run has begun here (it has no manifest.tsv)")
    return output_dir


def status(output_dir: OutputFolder) -> None:
    """Show how far a run is: subjects and jobs that are done, running, failed or waiting.

    It reads the run's logs and records, so that it works from any machine that sees the folder.

    Example: angiolith status /data/results
    """
    from angiolith.audit.progress import progress

    with errors_on_one_line():
        print(progress(a_run(output_dir)))


def verify(
    output_dir: OutputFolder,
    quick: Annotated[bool, typer.Option("--quick", help="Believe the hashes of files that look untouched.")] = False,
    rerun: Annotated[
        str | None, typer.Option("--rerun", metavar="SUBJECT", help="Make a subject again elsewhere and compare.")
    ] = None,
    scratch: Annotated[Path | None, typer.Option("--scratch", help="Folder for --rerun; default: a temporary.")] = None,
    absent: Annotated[
        str | None, typer.Option("--absent", metavar="SUBJECT", help="Find what still names the subject.")
    ] = None,
) -> None:
    """Check every file of a finished run: was it changed, lost, added, or is it stale?

    Each finding is a line: kind, file, why. Status 0: nothing was found; 1: something; 2: the run cannot be verified.
    docs/audit.md says what the kinds mean.

    Example: angiolith verify /data/results --quick
    """
    from angiolith.audit.findings import counted
    from angiolith.audit.inventory import FILES, read_inventory
    from angiolith.audit.rerun import RerunError, compare_rerun
    from angiolith.audit.verify import Finding, Unverifiable, changed_sources, other_versions
    from angiolith.audit.verify import verify as findings_of
    from angiolith.audit.withdraw import files_naming

    with errors_on_one_line(Unverifiable, RerunError):
        subjects = {name: subject_of(name) for name in (rerun, absent) if name}
        findings = findings_of(output_dir, quick)
        if absent:
            label = subjects[absent]
            names = files_naming(output_dir, label)
            findings += [Finding("added", name, f"still names sub-{label}: delete it") for name in names]
        if rerun:
            label = subjects[rerun]
            print(f"making sub-{label} again, on one core (minutes) ...", file=sys.stderr, flush=True)
            compared, differing = compare_rerun(output_dir, label, scratch)
            print(f"sub-{label}: {count_of(compared, 'file')} made again, {len(differing)} differ", file=sys.stderr)
            findings += [Finding("differs", name, why) for name, why in differing]
    for finding in findings:
        print("\t".join(finding))
    entries = read_inventory(output_dir)
    for note in other_versions(entries):
        print(note, file=sys.stderr)
    changed = changed_sources(entries) if any(finding.why.startswith("the code of ") for finding in findings) else []
    if changed:
        more = f" and {len(changed) - SOURCES_SHOWN} more" if len(changed) > SOURCES_SHOWN else ""
        print(f"changed in the project since: {', '.join(changed[:SOURCES_SHOWN])}{more}", file=sys.stderr)
    files = sum(entry.kind in FILES for entry in entries)
    print(
        f"{count_of(files, 'file')} verified, {counted(Counter(finding.kind for finding in findings))}", file=sys.stderr
    )
    raise SystemExit(Exit.FOUND if findings else Exit.OK)


def subject_of(text: str) -> str:
    from angiolith.audit.withdraw import WithdrawError, subject_label

    try:
        return subject_label(text)
    except WithdrawError as problem:
        raise UsageProblem(str(problem)) from None


def trace(
    output_dir: OutputFolder,
    cell: Annotated[str, typer.Argument(metavar="CELL", help="table:values of the row:column")],
    every: Annotated[bool, typer.Option("--all", help="List every file and setting, however many there are.")] = False,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw the way too (.svg, .png or .pdf).")] = None,
) -> None:
    """Show the rows, files, images, settings and code behind one number of a table.

    CELL names the table under OUTPUT_DIR, values that pick its row, and the column. `cohort/` and `.tsv` may be left
    out. A value may stand in any column of the row, or be given as column=value; a colon within is written \\:.
    The report shows the line for each of its numbers.

    Example: angiolith trace /data/results patients:sub-001:ses-01:wmh_volume_cm3
    """
    from angiolith.audit.lineage import TraceError, lineage
    from angiolith.audit.trace import find_cell
    from angiolith.audit.trace_text import trace_text
    from angiolith.runtime.records import read_records

    with errors_on_one_line(TraceError):
        root = a_run(output_dir)
        found = lineage(root, read_records(root), find_cell(root, cell))
    print(trace_text(found, every), end="")
    if picture:
        from angiolith.audit.trace_picture import draw_trace

        draw_trace(found, picture)
        print(f"picture: {picture}", file=sys.stderr)


def withdraw(
    output_dir: OutputFolder,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="The subject's label, with or without sub-.")],
    images: Annotated[
        bool, typer.Option("--images", help="Purge the images, drawings and clinical rows of the subject too.")
    ] = False,
) -> None:
    """Purge a subject who withdraws consent from a run; with --images from the image folder too.

    Purged are the subject's files, logs and records, every file of the cohort (the next run makes them again without
    the subject) and what Snakemake's metadata hold on the subject. Without --images the command stops while the
    subject is among the images. Then run the workflow, and prove it: angiolith verify OUTPUT_DIR --absent SUBJECT.
    Copies elsewhere (backups, a shared report) are for the keeper of the data to purge.

    Example: angiolith withdraw /data/results sub-007 --images
    """
    from angiolith.audit.withdraw import WithdrawError, purge

    with errors_on_one_line(FileExistsError, WithdrawError):
        label = subject_of(subject)
        gone = purge(a_run(output_dir), label, images)
    print("\n".join(gone))
    prove = f"angiolith verify {output_dir} --absent {label}"
    print(f"{len(gone)} purged; run the workflow, then: {prove}", file=sys.stderr)


def deidentify_check(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER ...", help="Folders that are to be shared.")],
    names: Annotated[
        Path | None, typer.Option("--names", help="Names, numbers and days to look for everywhere, one a line.")
    ] = None,
) -> None:
    """List what identifies a person in folders that are to be shared. Nothing is changed.

    Each finding is a line: kind, file, what and what to do. Status 0: nothing was found; 1: something. It cannot be
    proved that nothing identifies a person; what the keeper of the data knows of them belongs in --names.

    Example: angiolith deidentify-check /data/results --names names.txt
    """
    from angiolith.audit.deidentify import findings
    from angiolith.audit.findings import counted

    kinds: Counter[str] = Counter()
    with errors_on_one_line():
        if names and not names.is_file():
            raise UsageProblem(f"{names}: no such file (--names)")
        wanted = names.read_text(encoding="utf-8-sig").splitlines() if names else []
        for folder in folders:
            if not folder.is_dir():
                raise UsageProblem(f"{folder}: no such folder")
            for kind, name, why in findings(folder, wanted):
                print(f"{kind}\t{folder / name}\t{why}")
                kinds[kind] += 1
    print(counted(kinds), file=sys.stderr)
    raise SystemExit(Exit.FOUND if kinds else Exit.OK)
