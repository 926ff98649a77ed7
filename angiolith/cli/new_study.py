"""`angiolith new-study`: the configuration and the clinical tables of a new study; `angiolith import-redcap`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.exits import UsageProblem, errors_on_one_line
from angiolith.core.wording import count_of

QUESTIONS = {
    "bids": "Folder of the images (BIDS)",
    "studies": "Studies: vba (culprit plaques), csvd (small-vessel disease), or both",
    "output": "Folder of the results",
    "config": "Name of the configuration",
    "redcap": "REDCap data dictionary (CSV), empty if there is none",
}


def new_study(
    bids_dir: Annotated[Path | None, typer.Argument(metavar="[BIDS_DIR]", help="The images, as BIDS.")] = None,
    studies: Annotated[
        str | None, typer.Option("--studies", metavar="vba|csvd|both", help="Which studies; default: both.")
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output", metavar="FOLDER", help="Where results go; default: BIDS_DIR/derivatives/angiolith."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The configuration; default: study.yaml.")
    ] = None,
    redcap: Annotated[
        Path | None, typer.Option("--redcap-dictionary", metavar="FILE", help="REDCap's data dictionary (CSV).")
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--redcap-export", metavar="FILE", help="REDCap's records (CSV, raw or labels).")
    ] = None,
) -> None:
    """Write the configuration of a study, and its clinical tables to fill in.

    Asks five questions where it is called without BIDS_DIR in a terminal. Writes FILE (at most ten lines),
    BIDS_DIR/participants.tsv and BIDS_DIR/phenotype/*.tsv, each with its BIDS data dictionary. A file that is there is
    left as it is. With REDCap's files its records become phenotype tables, too. Then fill in the tables, and run.

    Example: angiolith new-study /data/stroke --studies both
    """
    from angiolith.cohort.new_study import write_study
    from angiolith.cohort.redcap import RedcapError
    from angiolith.core.delimited import DelimitedError

    with errors_on_one_line(RedcapError, DelimitedError):
        if bids_dir is None:
            if not sys.stdin.isatty():
                raise UsageProblem("give BIDS_DIR, the folder of the images")
            bids_dir = Path(typer.prompt(QUESTIONS["bids"]))
            studies = typer.prompt(QUESTIONS["studies"], default=studies or "both")
            output_dir = Path(typer.prompt(QUESTIONS["output"], default=str(output_dir or results_of(bids_dir))))
            config = Path(typer.prompt(QUESTIONS["config"], default=str(config or "study.yaml")))
            given = typer.prompt(QUESTIONS["redcap"], default=str(redcap or ""), show_default=False)
            redcap = Path(given) if given else None
            if redcap and not export:
                export = Path(typer.prompt("REDCap's records (CSV)"))
        if not bids_dir.is_dir():
            raise UsageProblem(f"{bids_dir}: no such folder (BIDS_DIR)")
        if (redcap is None) != (export is None):
            raise UsageProblem("give --redcap-dictionary and --redcap-export together")
        asked = studies_asked(studies)
        output = output_dir or results_of(bids_dir)
        file = config or Path("study.yaml")
        if redcap and export:
            _import(redcap, export, bids_dir, None)
        written = write_study(bids_dir, output, file, asked)
        for each in written:
            print(f"{'written:' if each.new else 'kept:   '} {each.path}")
    print(f"then:    fill in the tables, and: angiolith run {bids_dir} {output} group --config {file}")


def import_redcap(
    dictionary: Annotated[Path, typer.Argument(metavar="DICTIONARY", help="REDCap's data dictionary (CSV).")],
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="REDCap's records (CSV, raw data or labels).")],
    bids_dir: Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="The BIDS folder; phenotype/ is written.")],
    participant: Annotated[
        str | None,
        typer.Option("--participant-field", metavar="FIELD", help="Field of the subjects' labels; default: the first."),
    ] = None,
) -> None:
    """Write REDCap's records as BIDS phenotype tables, one per instrument, with their data dictionaries.

    Codes stay; their meaning stands in the JSON. Several events become sessions. Fields that identify a person, files
    and notes are left out. A table of the same name is replaced.

    Example: angiolith import-redcap DataDictionary.csv DATA.csv /data/stroke --participant-field mri_id
    """
    from angiolith.cohort.redcap import RedcapError

    with errors_on_one_line(RedcapError):
        if not bids_dir.is_dir():
            raise UsageProblem(f"{bids_dir}: no such folder (BIDS_DIR)")
        _import(dictionary, export, bids_dir, participant)


def _import(dictionary: Path, export: Path, bids_dir: Path, participant: str | None) -> None:
    from angiolith.cohort.dictionaries import written_dictionary
    from angiolith.cohort.new_study import KEYS
    from angiolith.cohort.redcap import phenotype_of, read_dictionary
    from angiolith.core.tables import atomic_path, write_tsv

    fields = read_dictionary(dictionary)
    for form, found in phenotype_of(fields, export, participant).items():
        path = bids_dir / "phenotype" / f"{form}.tsv"
        write_tsv(found.table, path)
        keys = {key: KEYS[key] for key in found.table.columns if key in KEYS}
        with atomic_path(path.with_suffix(".json")) as temporary:
            temporary.write_text(written_dictionary(keys | found.dictionary), encoding="utf-8")
        print(f"written: {path} ({count_of(len(found.table), 'row')}, {count_of(len(found.dictionary), 'column')})")
    left = [each.name for each in fields if not each.kept]
    if left:
        print(f"left out: {', '.join(left)} (identifying, file or note)")


def studies_asked(studies: str | None) -> list[str]:
    """The studies that a text names, both where there is none. Raises UsageProblem for others."""
    from angiolith.cohort.new_study import STUDIES

    asked = [*STUDIES] if studies in (None, "both") else str(studies).replace(",", " ").split()
    if not asked or not set(asked) <= set(STUDIES):
        raise UsageProblem(f"--studies {studies}: write vba, csvd or both")
    return asked


def results_of(bids_dir: Path) -> Path:
    """Where the results of a BIDS folder go unless the user says otherwise."""
    return bids_dir / "derivatives" / "angiolith"
