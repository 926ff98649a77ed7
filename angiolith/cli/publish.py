"""`angiolith publish`: the reviewer's folder of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.audit import OutputFolder, a_run
from angiolith.cli.exits import Exit, errors_on_one_line
from angiolith.core.wording import count_of


def publish(
    output_dir: OutputFolder,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to make; it must not exist.")],
) -> None:
    """Gather what a reviewer asks for: tables, figures, methods, versions, filled STROBE and CLAIM checklists.

    Each item of a checklist has its answer from the run, with its trace, or states that the author must write it.
    Tables with a row for each person stay behind. deidentify-check has to find nothing in the folder; else it is not
    made, each finding is a line, and the status is 1.

    Example: angiolith publish /data/results /data/for_reviewers
    """
    from angiolith.audit.publish import PublishError
    from angiolith.audit.publish import publish as published

    with errors_on_one_line(PublishError):
        found = published(a_run(output_dir), folder)
    for finding in found:
        print("\t".join(finding))
    if found:
        print(f"{count_of(len(found), 'finding')} that may identify a person: {folder} was not made", file=sys.stderr)
        raise SystemExit(Exit.FOUND)
    n_files = sum(path.is_file() for path in folder.rglob("*"))
    print(f"{folder}: {count_of(n_files, 'file')}; read checklists/STROBE.md and checklists/CLAIM.md", file=sys.stderr)
