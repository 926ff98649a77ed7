"""`angiolith export-dicom`: masks and measures of a run back to a PACS."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.audit import a_run
from angiolith.cli.exits import Exit, errors_on_one_line
from angiolith.core.wording import count_of


def export_dicom(
    bids_dir: Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="The folder that import-dicom made.")],
    output_dir: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="The output folder of the run.")],
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="The DICOM files that the images came from.")],
    dicom_dir: Annotated[Path, typer.Argument(metavar="DICOM_DIR", help="Where the objects go: they name patients.")],
    series: Annotated[
        Path | None,
        typer.Option("--series", metavar="FILE", help="import-dicom's table of series; default: BIDS_DIR_series.tsv."),
    ] = None,
) -> None:
    """Write each mask as DICOM SEG and the measures as a structured report (TID 1500), for the PACS they came from.

    The objects belong to the patients and studies of the source images. Each says that it is for research; reports are
    partial and unverified. Status 1: no session has a mask on the grid of an imported image.

    Example: angiolith export-dicom /data/stroke /data/results /data/export /data/send
    """
    from angiolith.core.manifest_checks import ManifestError
    from angiolith.dicom.giving_back import GivingProblem, give_back
    from angiolith.dicom.importing import private_files
    from angiolith.dicom.listing import ListingProblem

    with errors_on_one_line(GivingProblem, ListingProblem, ManifestError):
        table = series or private_files(bids_dir)[1]
        sent = give_back(
            bids_dir, a_run(output_dir), export, table, dicom_dir, lambda text: print(text, file=sys.stderr, flush=True)
        )
    for one in sent:
        print(f"{one.path}: {one.words}")
    print(
        f"{count_of(len(sent), 'object')}, which name patients: send them to the PACS, and share them with nobody",
        file=sys.stderr,
    )
    raise SystemExit(Exit.OK if sent else Exit.FOUND)
