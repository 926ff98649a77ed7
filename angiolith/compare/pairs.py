"""Which truth belongs to which mask, by the entities of the names; each file that is not used, with the reason."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np

from angiolith.compare.kinds import KINDS, kind_of
from angiolith.core.bids.names import MASKS, entities_of, suffix_of
from angiolith.core.bids.walk import Found, files_of_subjects, is_own, listing
from angiolith.core.images import Image, is_same_grid
from angiolith.core.manifest_checks import NIFTI, NO_SESSION
from angiolith.core.tables import FAILED, MISSING, OK, was_made

TRUTH = "truth"
OF_A_RUN = {  # the `desc` of its map of marks, after readers' decisions -> kind; what was detected before is not taken
    **dict.fromkeys(("calcification", "microbleeds", "lacunes"), None),
    **{"marks": "calcification", "microbleedmarks": "microbleeds", "lacunemarks": "lacunes"},
}
NATIVE = ("", "orig")  # values of the `space` entity that say nothing


class MaskFile(NamedTuple):
    """A mask: whose, of what kind, in which space ("" where its name says none); own: made by this project's run."""

    path: Path
    subject: str
    session: str
    kind: str
    space: str
    own: bool = False


class LeftOut(NamedTuple):
    """A file that was not compared; source: `truth` or the tool's name."""

    source: str
    path: str
    reason: str


@dataclass(frozen=True)
class Pair:
    """A truth and the mask of one tool (None: it has none, and the reason states it)."""

    tool: str
    subject: str
    session: str
    kind: str
    truth: MaskFile
    mask: MaskFile | None
    status: str
    reason: str = ""


def masks_in(folder: Path, source: str, words: Mapping[str, str]) -> tuple[list[MaskFile], list[LeftOut]]:
    """The masks of a BIDS folder (or of a flat one: `sub-*.nii.gz`), and the masks that are not used.

    A run of this project has maps of its own (tissues, arteries), which are not listed; its calcifications, microbleeds
    and lacunes are the marks that count.

    Parameters
    ----------
    folder : Path
        The folder.
    source : str
        Name of the source, for the account.
    words : Mapping[str, str]
        Word -> kind.

    Returns
    -------
    tuple[list[MaskFile], list[LeftOut]]
        The masks, and the files that are not used.

    Raises
    ------
    ManifestError
        For labels that BIDS does not allow.
    """
    own = is_own(folder)
    masks, left = [], []
    for found in _files(folder):
        name = os.path.basename(found.path)
        suffix, entities = suffix_of(name), entities_of(name)
        if not name.endswith(NIFTI) or suffix not in MASKS:
            continue
        kind = kind_of(entities, words)
        if own:
            kind = OF_A_RUN.get(entities.get("desc", ""), kind)
        reason = _unused(found, suffix, kind, entities)
        if reason is None and kind is not None:
            space = entities.get("space", "")
            session = entities.get("ses", NO_SESSION) if found.session is None else found.session
            masks.append(
                MaskFile(Path(found.path), found.subject, session, kind, "" if space in NATIVE else space, own)
            )
        elif reason and not own:
            left.append(LeftOut(source, found.path, reason))
    return masks, left


def _files(folder: Path) -> Iterator[Found]:
    yield from files_of_subjects(str(folder))
    for entry in listing(str(folder))[1]:
        subject = entities_of(entry.name).get("sub")
        if subject:
            yield Found(subject, None, "", entry.path)


def _unused(found: Found, suffix: str, kind: str | None, entities: Mapping[str, str]) -> str | None:
    if found.folder is None:
        return "it lies too deep or outside of a session: sub-*/[ses-*/]FOLDER/FILE"
    if suffix == "probseg":
        return "a map of probabilities; give the mask"
    if kind is None:
        word = entities.get("desc") or entities.get("label")
        named = f"{word!r} names no kind" if word else "no desc- or label- names the kind"
        return f"{named}; known: {', '.join(KINDS)}; say --word KIND=WORD for a word of your own"
    return None


def pairs_of(truths: Sequence[MaskFile], masks: Sequence[MaskFile], tool: str) -> tuple[list[Pair], list[LeftOut]]:
    """A pair for each truth of the kinds that the tool has masks of, and the files of both that found no partner.

    Subject, session and kind must be equal. Files without a session go with the only session that the other side has.
    Where several files fit, that on the truth's grid is taken; two that fit equally well are refused.

    Parameters
    ----------
    truths : Sequence[MaskFile]
        Masks of the truth.
    masks : Sequence[MaskFile]
        Masks of the tool.
    tool : str
        Name of the tool.

    Returns
    -------
    tuple[list[Pair], list[LeftOut]]
        The pairs, and the files without a partner.
    """
    by_key, of_truth = _by_key(masks), _by_key(truths)
    kinds = {mask.kind for mask in masks}
    found, left, used = [], [], set()
    for (subject, kind, session), candidates in of_truth.items():
        if kind not in kinds:
            continue
        partner = _session(session, [s for p, k, s in by_key if (p, k) == (subject, kind)],
                           [s for p, k, s in of_truth if (p, k) == (subject, kind)])  # fmt: skip
        theirs = by_key.get((subject, kind, partner), []) if partner is not None else []
        used |= {mask.path for mask in theirs}
        truth, mask, reason = _choose(candidates, theirs, tool)
        remark = f"session {partner} taken for {session}" if partner not in (session, None) else ""
        status = OK if mask else MISSING if not theirs else FAILED
        found.append(Pair(tool, subject, session, kind, truth, mask, status, reason or remark))
    known = {(subject, kind) for subject, kind, _ in of_truth}
    of_interest = {kind for _, kind in known}
    left += [LeftOut(tool, "n/a", f"no truth of this kind: {kind}") for kind in sorted(kinds - of_interest)]
    for mask in masks:
        if mask.path not in used and mask.kind in of_interest:
            why = "the truth has another session" if (mask.subject, mask.kind) in known else "no truth"
            left.append(LeftOut(tool, str(mask.path), f"{why} for sub-{mask.subject}"))
    lacking = sorted({truth.kind for truth in truths} - kinds)
    left += [LeftOut(tool, "n/a", f"no masks of this kind: {kind}") for kind in lacking]
    return found, left


def _by_key(files: Iterable[MaskFile]) -> dict[tuple[str, str, str], list[MaskFile]]:
    grouped = defaultdict(list)
    for file in files:
        grouped[file.subject, file.kind, file.session].append(file)
    return dict(grouped)


def _session(wanted: str, theirs: Sequence[str], ours: Sequence[str]) -> str | None:
    """The session of the other side that is meant by this one."""
    if wanted in theirs:
        return wanted
    alone = len(theirs) == len(ours) == 1 and NO_SESSION in (wanted, *theirs)
    return theirs[0] if alone else None


def _choose(truths: Sequence[MaskFile], masks: Sequence[MaskFile], tool: str) -> tuple[MaskFile, MaskFile | None, str]:
    """The truth and the mask that belong together, or the truth, None and why there is no mask."""
    if not masks:
        return truths[0], None, f"{tool} has no mask"
    if len(masks) == 1 and not was_made(masks[0].path):
        return truths[0], masks[0], ""  # reading it says why there is none
    pairs = [(truth, mask) for truth in truths for mask in masks]
    compatible = [(t, m) for t, m in pairs if t.space == m.space or "" in (t.space, m.space)]
    one_grid = [(t, m) for t, m in compatible if same_grid(t.path, m.path)]
    one_space = [(t, m) for t, m in compatible if t.space == m.space]
    fitting = one_grid or one_space
    if len(fitting) == 1:
        return *fitting[0], ""
    names = ", ".join(file.path.name for file in (*truths, *masks))
    if fitting:
        return truths[0], None, f"several files fit: {names}; keep one truth and one mask of a kind"
    if not compatible:
        return truths[0], None, f"truth and mask are of different spaces: {names}"
    return truths[0], None, f"the grids differ, and the names do not say that the space is one: {names}"


def same_grid(first: Path, second: Path) -> bool:
    """Whether two files have one grid, by their headers; an empty or broken file has none.

    Parameters
    ----------
    first, second : Path
        Paths of NIfTI files.

    Returns
    -------
    bool
        True where shape and affine agree.
    """
    try:
        one, other = _grid(first), _grid(second)
    except Exception:  # nibabel, gzip and zlib raise many kinds; reading the file says what is wrong
        return False
    return is_same_grid(one, other)


def _grid(path: Path) -> Image:
    """An image without its voxels."""
    file: Any = nib.load(path)
    return Image(np.broadcast_to(np.uint8(0), file.shape[:3]), file.affine)
