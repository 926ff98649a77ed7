"""A BIDS folder copied without faces, for those who are to see the images and not the persons.

Images that the workflow reads lose their faces; tables, sidecars and the masks that are read are copied. What cannot be
defaced is not copied, so that no face gets into the copy. The networks see another image without a face; so the tissues
that they find with it go along as a derivative, and the workflow measures these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from angiolith.brain.deface import SessionFaces, without_face
from angiolith.brain.face import FaceError
from angiolith.brain.network import BrainModel
from angiolith.brain.segment import TISSUES
from angiolith.core.bids.names import TISSUE_MAP, column_of, mask_of
from angiolith.core.bids.walk import is_own, lies_in
from angiolith.core.images import ImageError, write_image
from angiolith.core.manifest_checks import DIFFUSION_COLUMNS, NIFTI, REFERENCES
from angiolith.core.names import beside
from angiolith.core.tables import atomic_path, write_text_if_changed

Say = Callable[[str], None]
REC = re.compile(r"_rec-([A-Za-z0-9]+)")
BEFORE_REC = re.compile(r"^(.*?(?:_(?:sub|ses|task|acq|ce|trc|stain)-[A-Za-z0-9]+)*)(_.*)$")
ORDER = ("T1w", "FLAIR", "T2w", "ct", "T2starw", "swi", "vwi", "vwi_ce", "angio")  # whole heads before slabs
PLAIN = (".tsv", ".json", ".bval", ".bvec", ".md", ".csv")
TISSUES_FOLDER = "derivatives/tissues_before_defacing"
TISSUES_DESCRIPTION = {
    "Name": "Tissues of the brain, found before faces were removed",
    "BIDSVersion": "1.9.0",
    "DatasetType": "derivative",
    "GeneratedBy": [{"Name": "deface", "Description": "angiolith deface; read by angiolith in place of a brain mask"}],
}
OF_DATASET = ("README", "CHANGES", "LICENSE", ".bidsignore", "CITATION.cff")


class UnreadableText(ValueError):
    """A sidecar or a table of scans cannot be rewritten; the message says why."""


@dataclass
class Defaced:
    """What became of a folder's images: written (with the fraction of voxels set to air), as they were, left out."""

    written: dict[str, float] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    """Brains without a head around them, copied as they are."""
    left_out: dict[str, str] = field(default_factory=dict)
    """File -> why it is not in the copy."""
    tissues: list[str] = field(default_factory=list)
    """Maps of tissues that were written, of images before their faces were removed."""
    present: int = 0
    """Images that an earlier run wrote."""


def deface(bids_dir: Path, copy: Path, model: BrainModel, say: Say) -> Defaced:
    """Copy a BIDS folder without faces; images that the copy holds already are not made again.

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.
    copy : Path
        Folder of the copy.
    model : BrainModel
        The two networks of the brain.
    say : Say
        Takes one line on each image.

    Returns
    -------
    Defaced
        What was defaced, copied, present and left out.

    Raises
    ------
    FileExistsError
        Where the copy lies in the folder or is it.
    """
    if lies_in(copy, bids_dir):
        raise FileExistsError(f"{copy}: the copy must lie outside of {bids_dir}")
    done, images, names = Defaced(), [], {}
    files = {path: path.relative_to(bids_dir).as_posix() for path in sorted(bids_dir.rglob("*")) if path.is_file()}
    for path, name in files.items():
        column = None if name.startswith(("derivatives/", "sourcedata/")) else column_of(name)
        if name.endswith(NIFTI) and column in DIFFUSION_COLUMNS:
            done.left_out[name] = "diffusion-weighted: it is not defaced, and may show a face"
        elif name.endswith(NIFTI) and column:
            images.append((path, name, column))
            names[name] = renamed(name)
        elif name.endswith(NIFTI) and not _is_mask(name):
            done.left_out[name] = "no image that the workflow reads: it may show a face"
    sessions: dict[Path, list[tuple[Path, str, str]]] = {}
    for one in images:
        sessions.setdefault(one[0].parent.parent, []).append(one)
    for theirs in sessions.values():
        waiting = sorted(theirs, key=lambda one: (ORDER.index(one[2]), "part-phase" in one[1]))
        done.present += sum((copy / names[name]).is_file() for _, name, _ in waiting)
        waiting = [one for one in waiting if not (copy / names[one[1]]).is_file()]
        faces = SessionFaces(model, _measured([column for *_, column in theirs], _given(bids_dir, theirs[0][1])))
        for last in (False, True):  # what shows no whole brain waits for an image that does
            waiting = [one for one in waiting if not _image(one, copy / names[one[1]], faces, last, done, say)]
        _write_tissues(copy, theirs, faces, done)
    gone = set(done.left_out)
    for path, name in files.items():
        try:
            _other(path, name, copy, names, gone)
        except UnreadableText as problem:
            done.left_out[name] = str(problem)
            say(f"{name}: left out: {problem}")
    return done


def _image(one: tuple[Path, str, str], to: Path, faces: SessionFaces, last: bool, done: Defaced, say: Say) -> bool:
    """Write an image without its face; False where that has to wait for another image of the session."""
    path, name, column = one
    try:
        plane = faces.plane(path, column, last)
        content, fraction = (path.read_bytes(), 0.0) if plane is None else without_face(path, plane, column == "ct")
    except FaceError as problem:
        if last:
            done.left_out[name] = str(problem)
            say(f"{name}: left out: {problem}")
        return False
    except ImageError as problem:
        done.left_out[name] = str(problem)
        say(f"{name}: left out: {problem}")
        return True
    with atomic_path(to) as temporary:
        temporary.write_bytes(content)
    if plane is None:
        done.kept.append(name)
        say(f"{name}: a brain without a head, copied")
    else:
        done.written[name] = fraction
        say(f"{name}: {100 * fraction:.0f} % of the voxels set to air")
    return True


def _measured(columns: Sequence[str], given: Collection[str | None]) -> frozenset[str]:
    """The columns of a session whose brain the workflow segments: its reference and its FLAIR, or its CT alone.

    Without those whose mask is given, and those that several images claim.
    """
    references = [column for column in REFERENCES if column in columns]
    wanted = {*references[:1], "FLAIR"} if references else {"ct"}
    return frozenset(one for one in wanted if columns.count(one) == 1 and f"brain_{one}" not in given)


def _given(bids_dir: Path, image: str) -> set[str | None]:
    """The columns of the masks that the user gives for the session of an image (its path below the BIDS folder)."""
    folders = [folder for folder in sorted(bids_dir.glob("derivatives/*")) if folder.is_dir() and not is_own(folder)]
    session = Path(image).parent.parent
    return {mask_of(str(path)).column for folder in folders for path in (folder / session).glob(f"*/*{NIFTI[0]}")}


def _write_tissues(copy: Path, theirs: Sequence[tuple[Path, str, str]], faces: SessionFaces, done: Defaced) -> None:
    """Write the maps of tissues of a session's defaced images as a derivative that the workflow reads."""
    for _, name, column in theirs:
        if column not in faces.tissues or name not in done.written:
            continue
        session = Path(name).parent.parent
        stem = "_".join(session.parts)
        folder = "ct" if column == "ct" else "anat"
        to = f"{TISSUES_FOLDER}/{session.as_posix()}/{folder}/{stem}_space-{column}_desc-{TISSUE_MAP}_dseg.nii.gz"
        write_image(faces.tissues[column].data, faces.tissues[column].affine, copy / to)
        done.tissues.append(to)
    if done.tissues:
        root = copy / TISSUES_FOLDER
        write_text_if_changed(json.dumps(TISSUES_DESCRIPTION, indent=2) + "\n", root / "dataset_description.json")
        rows = "".join(f"{value}\t{name}\n" for name, value in TISSUES.items())
        write_text_if_changed("index\tname\n" + rows, root / f"desc-{TISSUE_MAP}_dseg.tsv")


def _is_mask(name: str) -> bool:
    return name.startswith("derivatives/") and mask_of(name).column is not None


def _other(path: Path, name: str, copy: Path, names: dict[str, str], gone: set[str]) -> None:
    """Copy what is no image: tables and sidecars, with the images' new names, and masks that are read."""
    if name in names or name in gone or name.startswith("sourcedata/"):
        return
    if name.endswith(NIFTI):  # a mask: labels have no face
        _copied(path.read_bytes(), copy / name)
    elif path.suffix == ".json" and (image := _image_of(name, names)):
        if image not in gone:
            content = _sidecar(path) | {"Defaced": True}
            write_text_if_changed(json.dumps(content, indent=2) + "\n", copy / beside(names[image], ".json"))
    elif name.endswith("_scans.tsv"):
        write_text_if_changed("".join(_scans(path, name, names, gone)), copy / name)
    elif path.suffix in PLAIN or path.name in OF_DATASET:
        _copied(path.read_bytes(), copy / name)


def _image_of(sidecar: str, names: dict[str, str]) -> str | None:
    return next((name for ending in NIFTI if (name := sidecar.removesuffix(".json") + ending) in names), None)


def _sidecar(path: Path) -> dict[str, Any]:
    """What a sidecar says; raises UnreadableText."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError as problem:
        raise UnreadableText(f"is no JSON ({problem})") from None
    if not isinstance(content, dict):
        raise UnreadableText("is no JSON object")
    return content


def _scans(path: Path, name: str, names: dict[str, str], gone: set[str]) -> Iterator[str]:
    """The lines of a table of scans with the images' new names, without those that are not in the copy."""
    folder = name.rpartition("/")[0]
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UnreadableText("is no text in UTF-8") from None
    for line in text.splitlines(keepends=True):
        image, tab, rest = line.partition("\t")
        full = f"{folder}/{image}"
        if full not in gone:
            yield names.get(full, full).removeprefix(f"{folder}/") + tab + rest


def _copied(content: bytes, to: Path) -> None:
    if not (to.is_file() and to.read_bytes() == content):
        with atomic_path(to) as temporary:
            temporary.write_bytes(content)


def renamed(name: str) -> str:
    """The name of a defaced image: `rec-defaced` where BIDS has `rec-`, behind acq- and ce-; `rec-x` is `rec-xdefaced`.

    >>> renamed("sub-1/ses-1/vwi/sub-1_ses-1_ce-gd_run-1_vwi.nii.gz")
    'sub-1/ses-1/vwi/sub-1_ses-1_ce-gd_rec-defaced_run-1_vwi.nii.gz'

    Parameters
    ----------
    name : str
        Path of the image below the BIDS folder.

    Returns
    -------
    str
        The path with `rec-defaced`.
    """
    folder, slash, file = name.rpartition("/")
    if REC.search(file):
        return folder + slash + REC.sub(r"_rec-\1defaced", file)
    match = BEFORE_REC.match(file)
    return folder + slash + (f"{match[1]}_rec-defaced{match[2]}" if match else file)
