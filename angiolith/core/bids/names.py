"""What a file's folder, suffix and entities make it; for a name that is not read, why, and what was probably meant."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from angiolith.core.manifest_checks import (
    BRAIN_COLUMNS,
    DRAWING_SUFFIXES,
    DRAWINGS,
    NIFTI,
    WALL_READERS,
    ManifestError,
)

ENTITY = re.compile(r"([a-z]+)-([A-Za-z0-9]+)")
OTHER_IMAGES = (".mgz", ".mgh", ".nrrd", ".mha", ".mhd", ".img", ".dcm", ".ima")  # images that are not read
FOLDERS = ("ct", "anat", "swi", "vwi", "angio")
UNREAD_FOLDERS = ("func", "dwi", "fmap", "perf", "pet", "meg", "eeg", "ieeg", "micr", "nirs", "beh", "motion", "mrs")
SUFFIXES = ("ct", "T1w", "T2w", "FLAIR", "swi", "T2starw", "vwi", "angio")
HINTS = {  # how else suffixes are written, in lower case
    **dict.fromkeys(("t1", "mprage", "t1mprage", "t1gd", "t1post"), "T1w"),
    "t2": "T2w",
    **dict.fromkeys(("t2flair", "flairw", "t2wflair", "flr"), "FLAIR"),
    **dict.fromkeys(("t2star", "t2s", "t2stargre", "gre", "t2gre", "t2starmag"), "T2starw"),
    **dict.fromkeys(("swan", "swim", "swimag"), "swi"),
    **dict.fromkeys(("tof", "mra", "cta", "tofmra", "angiogram", "angiography"), "angio"),
    **dict.fromkeys(("ncct", "headct", "cthead"), "ct"),
    **dict.fromkeys(("vwmri", "hrvwi", "vw"), "vwi"),
}
NOT_MEASURED = {  # suffixes of BIDS that no step measures
    *(
        "PDw",
        "PDT2",
        "inplaneT1",
        "inplaneT2",
        "MP2RAGE",
        "MTw",
        "MTR",
        "MTsat",
        "MTS",
        "MPM",
        "VFA",
        "IRT1",
        "MESE",
        "MEGRE",
    ),
    *("T1map", "T2map", "T2starmap", "R1map", "R2map", "R2starmap", "PDmap", "T1rho", "M0map", "Chimap", "defacemask"),
    *("bold", "sbref", "dwi", "epi", "phasediff", "phase", "phase1", "phase2", "magnitude", "magnitude1", "magnitude2"),
    *("asl", "m0scan", "pet", "TB1map", "RB1map", "minIP", "qsm"),
}
MASKS = ("mask", "dseg", "probseg", "seg", "label", "roi", "lesion")
TISSUE_MAP = "braintissues"  # desc- of a map of the brain's tissues, which takes the place of a brain mask
ON_FLAIR = {"wmh": "WMH", "lesion": "lesion"}  # masks on the FLAIR's grid
DRAWN = {**dict.fromkeys((*WALL_READERS, "arteries"), "dseg"), **dict.fromkeys(ON_FLAIR, "mask"), "vessel": "points"}


class Place(NamedTuple):
    """The manifest's column for a file; or none, and why (no reason: it is no image, mask or drawing at all)."""

    column: str | None
    reason: str | None = None


def entities_of(name: str) -> dict[str, str]:
    """The entities of a file's name (`sub-01_ses-02_ct.nii.gz`: sub 01, ses 02).

    Parameters
    ----------
    name : str
        File name without folder.

    Returns
    -------
    dict[str, str]
        Entity -> label.
    """
    return dict(ENTITY.findall(name.split(".")[0]))


def suffix_of(name: str) -> str:
    """What stands behind the last `_` of a file's name, before its ending.

    Parameters
    ----------
    name : str
        File name without folder.

    Returns
    -------
    str
        The BIDS suffix, such as `T1w`.
    """
    return name.split(".")[0].rsplit("_", 1)[-1]


def is_image(name: str) -> bool:
    """Whether a name ends as an image's, of those that are read or of others.

    Parameters
    ----------
    name : str
        File name.

    Returns
    -------
    bool
        True for NIfTI and for image formats that are not read (to be able to report them).
    """
    return name.lower().endswith((*NIFTI, *OTHER_IMAGES))


def column_of(path: str) -> str | None:
    """The manifest's column for a raw image, from its folder, suffix and entities.

    Parameters
    ----------
    path : str
        Path of the image; its last folder and its name are used.

    Returns
    -------
    str | None
        The column, or None for a file that serves none.
    """
    folder, name = os.path.split(path)
    folder, suffix, entities = os.path.basename(folder), suffix_of(name), entities_of(name)
    if "desc" in entities or suffix in (*MASKS, *DRAWING_SUFFIXES):
        return None
    if suffix == "angio":
        return "angio"
    if folder == "vwi" or suffix == "vwi" or entities.get("acq", "").lower().startswith("vwi"):
        return "vwi_ce" if "ce" in entities else "vwi"
    if suffix == "ct" and folder in ("ct", "anat"):
        return "ct"
    if folder == "dwi":
        return {"dwi": "dwi", "ADC": "adc"}.get(suffix)
    if folder in ("anat", "swi") and suffix.lower() == "swi":
        return "swi"
    return suffix if folder == "anat" and suffix in ("T1w", "T2w", "FLAIR", "T2starw") else None


def place_of(path: str) -> Place:
    """What an image below a subject's folder is; `path` ends with the folder of its kind and its name.

    Parameters
    ----------
    path : str
        Path of the image, with the folder of its kind.

    Returns
    -------
    Place
        The column of the manifest, or the reason why the file is not read.
    """
    name = os.path.basename(path)
    if name.startswith("."):
        return Place(None, "a hidden file")
    if not name.endswith(NIFTI):
        if name.lower().endswith(NIFTI):
            return Place(None, "the ending is written in capitals; rename it to .nii.gz (or .nii)")
        return Place(None, "not NIFTI; convert it to .nii.gz")
    column = column_of(path)
    return Place(column) if column else Place(None, _why_no_image(os.path.basename(os.path.dirname(path)), name))


def _why_no_image(folder: str, name: str) -> str:
    suffix, entities = suffix_of(name), entities_of(name)
    if "desc" in entities or suffix in (*MASKS, *DRAWING_SUFFIXES):
        return "a mask, a drawing or a processed image; those of your own are looked for in derivatives/<name>/sub-*/"
    if folder in UNREAD_FOLDERS:
        return f"images in {folder}/ are not measured"
    meant = nearest_suffix(suffix)
    if suffix == "UNIT1":
        return "UNIT1 (uniform MP2RAGE) is not read: its background is noise; give its denoised form as _T1w"
    if suffix in NOT_MEASURED:
        return f"_{suffix} images are not measured"
    if meant != suffix:
        return f"the suffix _{suffix} is not known" + (f"; did you mean _{meant}?" if meant else "")
    if folder not in FOLDERS:
        return f"the folder {folder}/ is not read{_near_folder(folder)}; _{suffix} is looked for in {_home(suffix)}/"
    return f"_{suffix} is looked for in {_home(suffix)}/, not in {folder}/; move it"


def _home(suffix: str) -> str:
    return suffix if suffix in FOLDERS else "anat"


def _near_folder(folder: str) -> str:
    near = difflib.get_close_matches(folder.lower(), FOLDERS, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}/?" if near else ""


def nearest_suffix(suffix: str) -> str | None:
    """The suffix that is read and is meant by this one, itself where it is one; None where none is near.

    Parameters
    ----------
    suffix : str
        Suffix of a file name, in any spelling.

    Returns
    -------
    str | None
        A suffix that is read, or None.
    """
    folded = {known.lower(): known for known in SUFFIXES}
    plain = re.sub(r"[^a-z0-9]", "", suffix.lower())
    if plain in folded:
        return folded[plain] if suffix != folded[plain] else suffix
    if plain in HINTS:
        return HINTS[plain]
    near = difflib.get_close_matches(plain, folded, n=1, cutoff=0.75)
    return folded[near[0]] if near else None


def mask_of(path: str) -> Place:
    """What a file below `derivatives/<name>/sub-*/` is.

    Parameters
    ----------
    path : str
        Path below the derivatives' folder.

    Returns
    -------
    Place
        The column of the manifest, or the reason why the file is not read; empty for a file that is no mask.

    Raises
    ------
    ManifestError
        For a reader beyond the known ones.
    """
    name = os.path.basename(path)
    suffix, entities = suffix_of(name), entities_of(name)
    description = entities.get("desc", "")
    if name.startswith(".") or not name.lower().endswith((*NIFTI, *DRAWINGS)):
        return Place(None)
    if name.endswith(".json") and (suffix not in DRAWING_SUFFIXES or suffix == "dseg"):
        return Place(None)  # a sidecar
    if suffix in DRAWING_SUFFIXES and description in WALL_READERS:
        return Place(f"wall_{description}")
    if suffix in DRAWING_SUFFIXES and re.fullmatch(r"reader\d+", description):
        raise ManifestError(
            f"{path}: desc-{description}: readers are {WALL_READERS[0]} to {WALL_READERS[-1]}; rename it"
        )
    if suffix == "points" and description == "vessel":
        return Place("wall_points")
    if name.endswith(NIFTI):
        if suffix == "dseg" and description == "arteries":
            return Place("arteries")
        if suffix == "mask" and description in ON_FLAIR:
            space = entities.get("space", "FLAIR")
            if space not in ("FLAIR", "orig"):
                return Place(None, f"a {ON_FLAIR[description]} mask in the space {space}; give it on the FLAIR's grid")
            return Place(description)
        if (suffix, description) in (("mask", "brain"), ("dseg", TISSUE_MAP)):
            return _brain_of(os.path.basename(os.path.dirname(path)), entities)
    return Place(None, _why_no_mask(name, suffix, description))


def _brain_of(folder: str, entities: dict[str, str]) -> Place:
    """The column of a brain mask, by the image on whose grid it lies; those in func/ are not looked at."""
    if folder not in ("anat", "ct", "swi"):
        return Place(None)
    column = f"brain_{entities.get('space', 'ct' if folder == 'ct' else 'T1w')}"
    if column in BRAIN_COLUMNS:
        return Place(column)
    return Place(
        None, f"a brain mask in the space {entities['space']}; give it on the grid of the image, space-T1w say"
    )


def _why_no_mask(name: str, suffix: str, description: str) -> str | None:
    """Why a mask or drawing is not read, if it looks like one that was meant to be."""
    texts = [value.lower() for key, value in entities_of(name).items() if key in ("desc", "label", "rater", "acq")]
    meant = description if description in DRAWN else _nearest_drawn([*texts, suffix.lower()])
    if meant is None:
        return None
    ending = "" if name.endswith(NIFTI) or meant not in ("arteries", *ON_FLAIR) else ", as NIfTI"
    right = suffix if meant in WALL_READERS and suffix in DRAWING_SUFFIXES else DRAWN[meant]
    return f"the name is not one of those that are read; did you mean desc-{meant}_{right}{ending}?"


def _nearest_drawn(texts: Iterable[str]) -> str | None:
    for text in texts:
        if re.fullmatch(r"(reader|rater|r|observer|obs)_?0*([1-4a-d])", text):
            last = text[-1]
            return WALL_READERS[int(last) - 1 if last.isdigit() else "abcd".index(last)]
        if "wmh" in text or text in ("whitematterhyperintensities", "whitematterhyperintensity", "wml", "wmlesions"):
            return "wmh"
        near = difflib.get_close_matches(text, ("arteries", "artery", "vessel", "reader"), n=1, cutoff=0.8)
        if near:
            return {"artery": "arteries", "reader": WALL_READERS[0]}.get(near[0], near[0])
    return None
