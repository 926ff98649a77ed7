"""What can be compared: the kinds of masks, the words of a file's name that mean them, and the description of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of mask.

    words: values of the `desc` or `label` entity, in lower case; images: columns of the manifest it may be shown on;
    lesions: whether its pieces are counted; unit: of its volume, `cm3` or `mm3`.
    """

    name: str
    title: str
    words: tuple[str, ...]
    images: tuple[str, ...]
    lesions: bool
    unit: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "wmh",
            "White matter hyperintensities",
            ("wmh", "wml", "wmlesion", "wmlesions", "whitematterhyperintensities", "leukoaraiosis"),
            ("FLAIR", "T2w"),
            True,
            "cm3",
        ),
        Kind("brain", "Brain", ("brain",), ("T1w", "FLAIR", "T2w", "swi", "T2starw", "ct"), False, "cm3"),
        Kind("calcification", "Calcification", ("calcification", "calcifications", "calcium"), ("ct",), True, "mm3"),
        Kind(
            "microbleeds", "Microbleeds", ("microbleed", "microbleeds", "cmb", "cmbs"), ("swi", "T2starw"), True, "mm3"
        ),
        Kind("lacunes", "Lacunes", ("lacune", "lacunes"), ("FLAIR", "T1w"), True, "mm3"),
        Kind(
            "perivascular",
            "Perivascular spaces",
            ("perivascular", "perivascularspaces", "pvs", "epvs"),
            ("T2w", "T1w"),
            True,
            "mm3",
        ),
    )
}


class UnknownKind(ValueError):
    """A kind or a word for one cannot be used; the message says which are known."""


def words_of_kinds(own_words: Iterable[str] = ()) -> dict[str, str]:
    """Word (lower case) -> kind; own_words: `KIND=WORD`, how the user's files name a kind.

    Parameters
    ----------
    own_words : Iterable[str]
        Texts `KIND=WORD`.

    Returns
    -------
    dict[str, str]
        Word -> kind.

    Raises
    ------
    UnknownKind
        For a kind that does not exist, and for a text of another form.
    """
    words = {word: kind.name for kind in KINDS.values() for word in kind.words}
    for text in own_words:
        name, sign, word = text.partition("=")
        if not sign or not re.fullmatch(r"[A-Za-z0-9]+", word):
            raise UnknownKind(f"{text!r}: write KIND=WORD, the word as it stands behind desc- or label- (wmh=lesions)")
        if name not in KINDS:
            raise UnknownKind(f"{text!r}: {name!r} is no kind; known: {', '.join(KINDS)}")
        words[word.lower()] = name
    return words


def kind_of(entities: Mapping[str, str], words: Mapping[str, str]) -> str | None:
    """The kind that a file's `desc` or `label` entity names, None where it names none.

    Parameters
    ----------
    entities : Mapping[str, str]
        Entities of the file's name.
    words : Mapping[str, str]
        Word -> kind.

    Returns
    -------
    str | None
        The kind, or None.
    """
    named = (entities.get(entity, "").lower() for entity in ("desc", "label"))
    return next((words[word] for word in named if word in words), None)
