"""A whole comparison: folders in; a page, tables of scans, summaries, tools and files out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from angiolith.cohort.agreement_picture import bland_altman_figure
from angiolith.cohort.bland_altman import N_MIN
from angiolith.compare.images import Images, image_of, images_in
from angiolith.compare.kinds import KINDS, words_of_kinds
from angiolith.compare.page import (
    Section,
    Shown,
    Table,
    agreement_table,
    classes_table,
    overlaps_table,
    page,
    paired_table,
    scan_name,
    scans_table,
    worst_first,
)
from angiolith.compare.pairs import TRUTH, LeftOut, Pair, masks_in, pairs_of
from angiolith.compare.picture import compared_picture
from angiolith.compare.session import COLUMNS, measured, on_one_grid
from angiolith.compare.summary import paired, summaries, volume_table
from angiolith.core.images import Image, ImageError, read_ct, read_image
from angiolith.core.tables import write_text_if_changed, write_tsv
from angiolith.pictures.canvas import write_png
from angiolith.report.cohort import embedded

PAGE, SCANS, SUMMARY, TOOLS, FILES = "index.html", "scans.tsv", "summary.tsv", "tools.tsv", "files.tsv"


class NothingToCompare(ValueError):
    """No mask has a truth; the message says what was looked for."""


def compare(
    truth: Path,
    tools: Mapping[str, Path],
    out: Path,
    bids: Path | None = None,
    own_words: Sequence[str] = (),
    pictures_max: int = 30,
    progress: Callable[[str], None] = lambda text: None,
) -> pd.DataFrame:
    """Compare the masks of each tool with those of the truth, and write page and tables into `out`.

    Parameters
    ----------
    truth : Path
        BIDS folder of the experts' masks.
    tools : mapping of str to Path
        BIDS folders of masks by name. The worst scans of the first come first.
    out : Path
        Folder that is written.
    bids : Path, optional
        BIDS folder of the images, for the pictures. Without it the masks are drawn on black.
    own_words : sequence of str
        `KIND=WORD`, see `kinds.words_of_kinds`.
    pictures_max : int
        So many scans of each kind are pictured, the worst.
    progress : callable
        Called with a line about each scan that is measured.

    Returns
    -------
    DataFrame
        A row per scan (`session.COLUMNS`).

    Raises
    ------
    NothingToCompare
        If no mask has a truth. Unknown words and folders are refused by UnknownKind and ManifestError.
    """
    words = words_of_kinds(own_words)
    truths, left = masks_in(truth, TRUTH, words)
    pairs: list[Pair] = []
    for name, folder in tools.items():
        masks, unused = masks_in(folder, name, words)
        found, alone = pairs_of(truths, masks, name)
        pairs, left = pairs + found, left + unused + alone
    if not any(pair.mask for pair in pairs):
        raise NothingToCompare(_nothing(truth, tools, len(truths), left))
    rows = []
    for pair in pairs:
        progress(f"{pair.tool}: sub-{pair.subject} ses-{pair.session} {pair.kind}")
        rows.append(measured(pair))
    scans = pd.DataFrame(rows, columns=list(COLUMNS))
    summary, against = summaries(scans), paired(scans)
    write_tsv(scans, out / SCANS)
    write_tsv(summary, out / SUMMARY)
    write_tsv(against, out / TOOLS)
    write_tsv(pd.DataFrame(left, columns=list(LeftOut._fields)), out / FILES)
    images = images_in(bids)
    sections = [
        section(kind, scans, summary, against, [pair for pair in pairs if pair.kind == kind], images, pictures_max)
        for kind in KINDS
        if (scans["kind"] == kind).any()
    ]
    sources = [(TRUTH, str(truth)), *((name, str(folder)) for name, folder in tools.items())]
    unused_files = Table(["of", "file", "reason"], [list(one) for one in left], 3)
    title = f"{', '.join(tools)} beside {truth.resolve().name}"
    write_text_if_changed(page(title, sources, sections, unused_files), out / PAGE)
    return scans


def _nothing(truth: Path, tools: Mapping[str, Path], count: int, left: Sequence[LeftOut]) -> str:
    if count:
        return f"{truth}: none of its {count} masks has a partner in {', '.join(map(str, tools.values()))}: " + (
            left[0].reason if left else "subjects or sessions differ"
        )
    inner = sorted(path.name for path in truth.glob("derivatives/*") if path.is_dir())
    hint = f"; name a folder of its derivatives/: {', '.join(inner)}" if inner else ""
    why = f"; {Path(left[0].path).name}: {left[0].reason}" if left else ""
    return f"{truth}: no masks: sub-*/[ses-*/]anat/*_desc-wmh_mask.nii.gz and the like are looked for{hint}{why}"


def section(
    kind: str,
    scans: pd.DataFrame,
    summary: pd.DataFrame,
    against: pd.DataFrame,
    pairs: Sequence[Pair],
    images: Images,
    pictures_max: int,
) -> Section:
    """What the page says of one kind; pairs: those of this kind, in the order of the tools.

    Parameters
    ----------
    kind : str
        Kind of mask.
    scans : pd.DataFrame
        One row per tool, kind and scan.
    summary : pd.DataFrame
        Summaries of all kinds.
    against : pd.DataFrame
        Comparisons of two tools.
    pairs : Sequence[Pair]
        Pairs of this kind, in the order of the tools.
    images : Images
        (subject, session) -> column -> path.
    pictures_max : int
        Largest number of pictures.

    Returns
    -------
    Section
        The section of the page.
    """
    own, short = scans[scans["kind"] == kind], summary[summary["kind"] == kind]
    known = own[own["found_mm3"].notna()]
    tables = {str(tool): volume_table(part, kind) for tool, part in known.groupby("tool", sort=False)}
    enough = any(len(table) >= N_MIN for table in tables.values())
    lead = f"{own.drop_duplicates(['subject', 'session']).shape[0]} scans of {own['subject'].nunique()} subjects."
    first = worst_first(own[own["tool"] == own["tool"].iloc[0]]).head(pictures_max)
    return Section(
        kind,
        KINDS[kind].title,
        KINDS[kind].unit,
        lead,
        overlaps_table(short, own, kind),
        agreement_table(short, kind),
        data_uri(bland_altman_figure({"": tables})) if enough else None,
        classes_table(short, kind),
        paired_table(against[against["kind"] == kind]),
        scans_table(own, kind),
        [shown(scan_name(row), _of_scan(pairs, row), own, images) for row in first.to_dict("records")],
    )


def _of_scan(pairs: Sequence[Pair], row: Mapping[object, object]) -> list[Pair]:
    return [pair for pair in pairs if (pair.subject, pair.session) == (row["subject"], row["session"])]


def shown(heading: str, pairs: Sequence[Pair], scans: pd.DataFrame, images: Images) -> Shown:
    """A scan with the masks of all tools; pairs: those of the scan.

    Parameters
    ----------
    heading : str
        Name of the scan.
    pairs : Sequence[Pair]
        The scan's pairs.
    scans : pd.DataFrame
        One row per tool, kind and scan.
    images : Images
        (subject, session) -> column -> path.

    Returns
    -------
    Shown
        The picture with its text.
    """
    texts = []
    for pair in pairs:
        row = scans[
            (scans["tool"] == pair.tool) & (scans["subject"] == pair.subject) & (scans["session"] == pair.session)
        ].iloc[0]
        texts.append(
            f"{pair.tool}: {row['reason']}" if pd.isna(row["dice"]) else f"{pair.tool}: Dice {row['dice']:.2f}"
        )
    words = "; ".join(texts)
    masks: dict[str, Image] = {}
    truth = None
    for pair in pairs:
        try:
            if pair.mask and (truth is None or pair.truth.path == pairs[0].truth.path):
                truth, masks[pair.tool], _ = on_one_grid(pair.truth, pair.mask)
        except ImageError:
            continue
    if truth is None or not masks:
        return Shown(heading, words, None)
    found = image_of(pairs[0], images)
    try:
        image = (read_ct if found[0] == "ct" else read_image)(found[1]) if found else None
    except ImageError as problem:
        image, words = None, f"{words}; {problem}"
    column = found[0] if found and image else "no image"
    figure = compared_picture(heading, column, image, truth, masks, column == "ct")
    return Shown(heading, words, data_uri(figure))


def data_uri(figure: Figure) -> str:
    """A figure as a small PNG within the page.

    Parameters
    ----------
    figure : Figure
        The figure.

    Returns
    -------
    str
        A `data:` address.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "figure.png")
        write_png(figure, path)
        return embedded(path)
