"""Artery names and label numbers: one vocabulary for atlas, masks and tables.

Numbers 1 to 12 are those of the TopCoW challenge (Yang et al. 2023); the vertebral arteries are added.
"""

from __future__ import annotations

import re

import pandas as pd

# [label] Labels of an artery map: TopCoW's numbers, and two of our own for the vertebral arteries. Source: definition
# (TopCoW 2023).
LABELS: dict[int, tuple[str, str]] = {
    1: ("BA", "M"),
    2: ("PCA", "R"),
    3: ("PCA", "L"),
    4: ("ICA", "R"),
    5: ("MCA", "R"),
    6: ("ICA", "L"),
    7: ("MCA", "L"),
    8: ("Pcom", "R"),
    9: ("Pcom", "L"),
    10: ("Acom", "M"),
    11: ("ACA", "R"),
    12: ("ACA", "L"),
    13: ("VA", "R"),
    14: ("VA", "L"),
}
INDEX = {name: index for index, name in LABELS.items()}
ARTERIES = ("ICA", "MCA", "ACA", "PCA", "BA", "VA")  # those that always get a row; the communicating ones if labelled
MEASURED = tuple(sorted((name for name in INDEX if name[0] in ARTERIES), key=lambda n: (ARTERIES.index(n[0]), n[1])))
# The bone beside these is smooth: what stands apart from it is calcium of their wall. Beside carotid canal and siphon
# and the first parts of middle and anterior cerebral artery, septa and clinoid processes look like it; beside the
# posterior cerebral one the edge of the tentorium.
BESIDE_SMOOTH_BONE = ("BA", "VA")
# [SD] ... and in the fluid about them nothing else calcifies, so calcium is looked for so far from an uncertain line;
# of a carotid's line, in bone, one SD. Source: statistics, two of three lines lie within 1.5 SD in both directions.
FLUID_SDS = 1.5
# [label] Known to TopCoW, not measured here. Source: definition (TopCoW 2023).
TOPCOW_OTHER = {15: "3rd-A2"}

_ARTERY_WORDS = {
    "ICA": ("ica", "internal carotid"),
    "MCA": ("mca", "middle cerebral"),
    "ACA": ("aca", "anterior cerebral"),
    "PCA": ("pca", "posterior cerebral"),
    "Pcom": ("pcom", "pcoma", "posterior communicating"),
    "Acom": ("acom", "acoma", "anterior communicating"),
    "BA": ("ba", "basilar"),
    "VA": ("va", "vertebral"),
}


def artery_names() -> list[str]:
    """Every artery as tables and readers write it: R-ICA, BA, ..."""
    return [artery if side == "M" else f"{side}-{artery}" for artery, side in LABELS.values()]


def parse_name(name: str) -> tuple[str, str] | None:
    """(artery, side) of a label's name such as `R-ICA`, `ICA_L`, `Left internal carotid artery`; None if unknown.

    Parameters
    ----------
    name : str
        Name of a label or file.

    Returns
    -------
    tuple[str, str] | None
        (artery, side), or None.
    """
    words = " ".join(re.findall(r"[a-z]+", name.lower()))
    artery = next(
        (key for key, aliases in _ARTERY_WORDS.items() if any(re.search(rf"\b{alias}\b", words) for alias in aliases)),
        None,
    )
    if artery in ("BA", "Acom"):
        return artery, "M"
    side = re.search(r"\b(l|r|left|right|lh|rh)\b", words)
    return (artery, side.group(1)[0].upper()) if artery and side else None


def label_names(found: set[int], lookup: pd.DataFrame | None) -> tuple[dict[int, tuple[str, str]], list[int]]:
    """What the numbers of a label map mean: by its BIDS lookup table (`index`, `name`), else by TopCoW numbers.

    Returns {label: (artery, side)} for those of `found` that are known, and the unknown ones.

    Parameters
    ----------
    found : set[int]
        Labels of the map.
    lookup : pd.DataFrame | None
        Columns `index` and `name`; None for TopCoW's numbers.

    Returns
    -------
    tuple[dict[int, tuple[str, str]], list[int]]
        Label -> (artery, side), and the unknown labels.
    """
    if lookup is None:
        known: dict[int, tuple[str, str] | None] = {**LABELS}
    else:
        known = {int(row["index"]): parse_name(str(row["name"])) for _, row in lookup.iterrows()}
    named = {label: name for label in sorted(found) if (name := known.get(label)) is not None}
    return named, sorted(found - set(named))


def lookup_table(sources: dict[tuple[str, str], str]) -> pd.DataFrame:
    """The lookup of a label map of arteries: index, name, artery, side, source (user, angio, atlas).

    Parameters
    ----------
    sources : dict[tuple[str, str], str]
        (artery, side) -> source.

    Returns
    -------
    pd.DataFrame
        The lookup table.
    """
    rows = [
        {"index": INDEX[name], "name": f"{name[1]}-{name[0]}" if name[1] != "M" else name[0], "artery": name[0]}
        | {"side": name[1], "source": source}
        for name, source in sorted(sources.items(), key=lambda item: INDEX[item[0]])
    ]
    return pd.DataFrame(rows, columns=["index", "name", "artery", "side", "source"])
