"""`angiolith compare`: masks of a run, of other tools or of readers, compared with experts' masks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.exits import UsageProblem, errors_on_one_line
from angiolith.core.wording import count_of

OWN = "angiolith"


def compare(
    output_dir: Annotated[
        Path, typer.Argument(metavar="OUTPUT_DIR", help="The output folder of a run, or any folder of masks.")
    ],
    truth: Annotated[Path, typer.Option("--truth", metavar="FOLDER", help="The experts' masks, as BIDS.")],
    tool: Annotated[
        list[str] | None,
        typer.Option("--tool", metavar="NAME=FOLDER", help="Masks of another tool or reader; may be repeated."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="BIDS_DIR", help="The images, for the pictures; default: those of the run."),
    ] = None,
    word: Annotated[
        list[str] | None,
        typer.Option("--word", metavar="KIND=WORD", help="A word of your names behind desc- or label-: wmh=lesions."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="What is written; default: OUTPUT_DIR_compare, beside it."),
    ] = None,
    pictures: Annotated[
        int, typer.Option("--pictures", metavar="N", min=0, help="Scans of each kind that are pictured, the worst.")
    ] = 30,
) -> None:
    """Compare masks with experts' masks: overlap, volumes, lesions and agreement, on one page.

    Kinds: WMH, brain, calcification, microbleeds, lacunes, perivascular spaces. Files belong together by subject,
    session and kind (desc- or label-). The page and its tables (TSV) name subjects: they are not part of the run.

    Example: angiolith compare /data/results --truth /data/experts --tool reader2=/data/reader2
    """
    from angiolith.compare.comparison import PAGE, NothingToCompare
    from angiolith.compare.comparison import compare as compared
    from angiolith.compare.kinds import UnknownKind
    from angiolith.core.bids.walk import lies_in
    from angiolith.core.manifest_checks import ManifestError

    with errors_on_one_line(UnknownKind, NothingToCompare, ManifestError):
        tools = tools_of(output_dir, tool or [])
        for folder in (truth, *tools.values(), *([images] if images else [])):
            if not folder.is_dir():
                raise UsageProblem(f"{folder}: there is no such folder")
        target = out or output_dir.resolve().with_name(f"{output_dir.resolve().name}_compare")
        inside = next((folder for folder in (truth, *tools.values()) if lies_in(target, folder)), None)
        if inside:
            raise UsageProblem(f"{target}: lies in {inside}, which is read; give --out another folder")
        scans = compared(
            truth,
            tools,
            target,
            images or images_of_run(output_dir),
            word or (),
            pictures,
            lambda text: print(text, file=sys.stderr, flush=True),
        )
    for (kind, name), part in scans.groupby(["kind", "tool"], sort=False):
        known = part["dice"].dropna()
        mean = f"mean Dice {known.mean():.2f}, worst {known.min():.2f}" if len(known) else "no Dice"
        print(f"{kind}, {name}: {mean} ({part['found_mm3'].notna().sum()} of {count_of(len(part), 'scan')})")
    print(f"page:  {target / PAGE}")


def tools_of(output_dir: Path, given: list[str]) -> dict[str, Path]:
    """Name -> folder of masks, the first that of the run (or the folder's own name where it is none)."""
    from angiolith.compare.pairs import TRUTH
    from angiolith.core.bids.walk import is_own

    tools = {OWN if is_own(output_dir) else output_dir.resolve().name: output_dir}
    for text in given:
        name, sign, folder = text.partition("=")
        if not sign or not name or not folder:
            raise UsageProblem(f"--tool {text!r}: write NAME=FOLDER")
        if name in tools or name == TRUTH:
            raise UsageProblem(f"--tool {text!r}: the name {name!r} is taken; choose another")
        tools[name] = Path(folder)
    return tools


def images_of_run(root: Path) -> Path | None:
    """The BIDS folder that a finished run read; None where there is none or it is gone."""
    from angiolith.audit.settings import current_settings
    from angiolith.runtime.records import path_of, record_of_run

    own = record_of_run(root)
    bids = current_settings(root, own).get("bids_dir") if own else None
    folder = path_of(root, own.params["workdir"]) / bids if own and bids else None
    return folder if folder and folder.is_dir() else None
