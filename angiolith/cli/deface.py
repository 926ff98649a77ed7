"""`angiolith deface`: a BIDS folder copied without faces."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.exits import Exit, UsageProblem, errors_on_one_line
from angiolith.core.wording import count_of


def deface(
    bids_dir: Annotated[Path, typer.Argument(metavar="BIDS_DIR", help="A BIDS folder; nothing in it is changed.")],
    copy: Annotated[Path, typer.Argument(metavar="COPY", help="Where the copy goes: made, or added to.")],
) -> None:
    """Copy a BIDS folder without faces.

    All that lies in front of and below one plane of the head is set to air, in CT and MRI alike: eyes, nose, mouth and
    chin. The plane keeps 10 mm from the brain. Forehead, ears and hair stay. Images are named rec-defaced. Tables,
    sidecars and masks are copied. The tissues that the networks find with the face go along, and the workflow measures
    these. What cannot be defaced is left out of the copy and listed; the exit status is then 1.

    Example: angiolith deface /data/stroke /data/stroke_defaced
    """
    from angiolith.audit.deface import deface as defaced
    from angiolith.brain.network import read_brain_model
    from angiolith.runtime.paths import workflow_root

    with errors_on_one_line(FileExistsError):
        if not bids_dir.is_dir():
            raise UsageProblem(f"{bids_dir}: no such folder")
        model = read_brain_model(workflow_root() / "resources/brain_model")
        done = defaced(bids_dir, copy, model, lambda text: print(text, file=sys.stderr, flush=True))
    for name, reason in sorted(done.left_out.items()):
        print(f"left out\t{name}\t{reason}")
    print(
        f"{count_of(len(done.written), 'image')} defaced, {len(done.kept)} copied, {done.present} there before, "
        f"{count_of(len(done.tissues), 'map of tissues', 'maps of tissues')}, "
        f"{len(done.left_out)} left out",
        file=sys.stderr,
    )
    raise SystemExit(Exit.FOUND if done.left_out else Exit.OK)
