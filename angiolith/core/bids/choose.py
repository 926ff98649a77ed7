"""Which of a session's images serves a column of the manifest, by their entities and sidecars.

Never used: phase, real and imaginary images, minimum-intensity projections, localisers. Not used unless the
configuration names them (`images`): images after contrast as T1w, T2w, FLAIR, SWI or T2*; single inversions. Of what is
left, each rule keeps the best and the next decides among these:

1. CT: without `ce-`; vessel wall: the suffix `_vwi`
2. the combined image before single echoes; without `part-` before `part-mag`
3. no contrast agent in the sidecar
4. the fewest other entities (`acq-`, `rec-`, `dir-`, ...): the plain name
5. CT: a soft kernel before a sharp one; MRI: 3D before 2D; then thinner slices (each only where all say which they are)
6. the echo that fits: T1w the shortest, T2w and FLAIR the nearest to 100 ms, SWI and T2* the nearest to 20 ms
7. without `run-`, else the last run: an image is repeated where the one before was spoiled
8. `.nii.gz` before `.nii`

Where two are left after that, none is used, and the configuration has to say which.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from angiolith.core.bids.kernels import is_sharp
from angiolith.core.bids.names import entities_of, suffix_of

WITHOUT_CONTRAST = ("T1w", "T2w", "FLAIR", "swi", "T2starw")
OF_MRI = (*WITHOUT_CONTRAST, "vwi", "vwi_ce")
SUSCEPTIBILITY = ("swi", "T2starw")
NOT_MAGNITUDE = {
    "phase": "a phase image",
    "real": "the real part of an image",
    "imag": "the imaginary part of an image",
}
PHASE_TYPES = {"P", "PHASE", "PHASE MAP", "PHASE_MAP", "PHASEMAP", "P_FFE", "P_SE", "PH", "PHASE IMAGE"}
COMPLEX_TYPES = {"REAL", "R_FFE", "IMAGINARY", "IMAG", "I_FFE"}
MINIP_TYPES = {"MNIP", "MINIP", "MIN_IP", "MIN IP", "MINIMUM INTENSITY PROJECTION"}
LOCALISER_TYPES = {"LOCALIZER", "SCOUT", "SURVEY"}
ECHO_S = {"T2w": 0.1, "FLAIR": 0.1, "swi": 0.02, "T2starw": 0.02}  # T1w: the shortest
DECIDED = ("sub", "ses", "run", "echo", "part", "ce")  # entities with a rule of their own
GIVEN, NO_CONTRAST = "given", "none"
NO_AGENT = ("", "none", "no", "n/a", "na", "without", "null", "0", "false")
ABSENT = "none"  # what the configuration calls the lack of an entity


@dataclass(frozen=True)
class Candidate:
    """An image that claims a column: its path below the root, and how its sidecars are read."""

    path: str
    read: Callable[[], Mapping[str, Any]] = field(compare=False)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return os.path.basename(self.path)

    @cached_property
    def entities(self) -> dict[str, str]:
        """The BIDS entities of the file's name."""
        return entities_of(self.name)

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What the sidecars of the image say."""
        return self.read()


@dataclass(frozen=True)
class Choice:
    """The image of a column, or None; how it was chosen, where there was a choice; every other one with the reason."""

    path: str | None
    how: str
    left: Mapping[str, str]


def choose(column: str, candidates: Sequence[Candidate], asked: Mapping[str, str] | None = None) -> Choice:
    """One image of those that claim a column; `asked`: entity -> label that the configuration asks for there.

    Parameters
    ----------
    column : str
        Column of the manifest.
    candidates : Sequence[Candidate]
        Images of one session that could serve the column.
    asked : Mapping[str, str] | None
        Entity -> label that the configuration asks for in this column.

    Returns
    -------
    Choice
        The image that is used, by which rules, and why each other one is left out.
    """
    asked = asked or {}
    left: dict[str, str] = {}
    rest = list(candidates)
    if asked:
        words = ", ".join(f"{entity}: {label}" for entity, label in asked.items())
        left = {c.path: f"images: {{{column}: {{{words}}}}} asks for another" for c in rest if not _fits(c, asked)}
        rest = [candidate for candidate in rest if _fits(candidate, asked)]
    alone = len(rest) == 1
    for candidate in list(rest):
        reason = _excluded(column, candidate, asked, by_sidecar=not alone or column in SUSCEPTIBILITY)
        if reason:
            left[candidate.path] = reason
            rest.remove(candidate)
    several, used = len(rest) > 1, []
    beaten: dict[str, str] = {}
    for rule, key in RULES:
        if len(rest) < 2:
            break
        places = [key(column, candidate) for candidate in rest]
        if any(place is None for place in places):
            continue
        best = min(place for place in places if place is not None)
        losers = [candidate for candidate, place in zip(rest, places, strict=True) if place != best]
        if losers:
            used.append(rule)
            beaten |= {candidate.path: rule for candidate in losers}
            rest = [candidate for candidate in rest if candidate not in losers]
    if len(rest) > 1:
        names = ", ".join(sorted(candidate.name for candidate in rest))
        reason = (
            f"{names}: which one is to be used is not known; name it under images: {{{column}: {_differences(rest)}}}"
        )
        beaten |= {candidate.path: reason for candidate in rest}
        return Choice(None, reason, left | beaten)
    if not rest:
        return Choice(None, "; ".join(dict.fromkeys(left.values())), left)
    chosen = rest[0]
    left |= {path: f"{chosen.name} is used: {rule}" for path, rule in beaten.items()}
    how = "; ".join(used) if several else ""
    if asked:
        how = "; ".join(part for part in ("as the configuration asks (images)", how) if part)
    return Choice(chosen.path, how, left)


def _differences(rest: Sequence[Candidate]) -> str:
    """The entities in which images differ, as the configuration would name the first of them."""
    first = rest[0].entities
    keys = [key for candidate in rest for key in candidate.entities]
    differing = [key for key in dict.fromkeys(keys) if len({c.entities.get(key) for c in rest}) > 1]
    return "{" + ", ".join(f"{key}: {first.get(key, ABSENT)}" for key in differing) + "}"


def _fits(candidate: Candidate, asked: Mapping[str, str]) -> bool:
    def same(given: str | None, label: str) -> bool:
        if given is None:
            return label == ABSENT
        if given.isdigit() and label.isdigit():
            return int(given) == int(label)
        return given.lower() == label.lower()

    return all(same(candidate.entities.get(entity), label) for entity, label in asked.items())


def image_types(facts: Mapping[str, Any]) -> set[str]:
    """The values of ImageType behind the first two (ORIGINAL or DERIVED, PRIMARY or SECONDARY), in capitals.

    Parameters
    ----------
    facts : Mapping[str, Any]
        What the image's sidecars say.

    Returns
    -------
    set[str]
        Values of ImageType in capitals; empty where there is none.
    """
    given = facts.get("ImageType")
    values = re.split(r"[\\/,]", given) if isinstance(given, str) else given if isinstance(given, list) else []
    kept = {str(value).strip().upper() for value in values}
    return kept - {"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY"}


def not_magnitude(column: str, facts: Mapping[str, Any]) -> str | None:
    """What an image's ImageType says that it is in place of what its name says; None where there is nothing to say.

    Parameters
    ----------
    column : str
        Column of the manifest that the image's name claims.
    facts : Mapping[str, Any]
        What the image's sidecars say.

    Returns
    -------
    str | None
        What the image is (a localiser, a phase image, a projection), or None.
    """
    types = image_types(facts)
    if column == "ct" or column == "angio":
        return "a localiser" if column == "ct" and types & LOCALISER_TYPES else None
    for known, what in ((PHASE_TYPES, NOT_MAGNITUDE["phase"]), (MINIP_TYPES, "a minimum-intensity projection")):
        if types & known and not types & {"M", "MAGNITUDE", "M_FFE", "M_SE"}:
            return what
    if column in SUSCEPTIBILITY and types & COMPLEX_TYPES:
        return "the real or imaginary part of an image"
    return "a localiser" if types & LOCALISER_TYPES else None


def contrast_agent(facts: Mapping[str, Any]) -> str | None:
    """GIVEN where sidecars name a contrast agent, NO_CONTRAST where they say that there was none, None if neither.

    Their text is never handed on: people write names of persons into it.

    Parameters
    ----------
    facts : Mapping[str, Any]
        What the image's sidecars say.

    Returns
    -------
    str | None
        GIVEN, NO_CONTRAST, or None where the sidecars do not mention it.
    """
    for key in ("ContrastBolusAgent", "ContrastBolusIngredient"):
        given = facts.get(key)
        if given is None:
            continue
        text = ", ".join(map(str, given)) if isinstance(given, list) else str(given)
        return NO_CONTRAST if text.strip().lower() in NO_AGENT else GIVEN
    return None


def _excluded(column: str, candidate: Candidate, asked: Mapping[str, str], by_sidecar: bool) -> str | None:
    """Why an image cannot serve a column."""
    entities = candidate.entities
    if column in OF_MRI:
        part = entities.get("part", "mag").lower()
        if part in NOT_MAGNITUDE:
            return f"{NOT_MAGNITUDE[part]} (part-{part}): only magnitude is measured"
        if any("minip" in entities.get(key, "").lower() for key in ("rec", "acq", "proc")):
            return "a minimum-intensity projection: spots of several slices lie on one another"
        if "ce" in entities and column in WITHOUT_CONTRAST and "ce" not in asked:
            label = entities["ce"]
            return (
                f"after contrast (ce-{label}): not used as a plain {column}; to use it all the same, "
                f"images: {{{column}: {{ce: {label}}}}}"
            )
        if "inv" in entities and "inv" not in asked:
            return f"one inversion (inv-{entities['inv']}) of several; to use it, images: {{{column}: {{inv: ...}}}}"
    what = not_magnitude(column, candidate.facts) if by_sidecar else None
    return f"{what} (ImageType of its sidecar)" if what else None


Key = Callable[[str, Candidate], float | None]


def _contrast_ct(column: str, candidate: Candidate) -> float:
    return float(column == "ct" and "ce" in candidate.entities)


def _wall_suffix(column: str, candidate: Candidate) -> float:
    return float(column in ("vwi", "vwi_ce") and suffix_of(candidate.name) != "vwi")


def _single_echo(column: str, candidate: Candidate) -> float:
    return float("echo" in candidate.entities)


def _single_part(column: str, candidate: Candidate) -> float:
    return float("part" in candidate.entities)


def _with_agent(column: str, candidate: Candidate) -> float:
    return float(column in WITHOUT_CONTRAST and contrast_agent(candidate.facts) == GIVEN)


def _other_entities(column: str, candidate: Candidate) -> float:
    return float(len([key for key in candidate.entities if key not in DECIDED]))


def _sharp(column: str, candidate: Candidate) -> float | None:
    if column != "ct":
        return None
    labels = [candidate.entities.get(key) for key in ("acq", "rec", "desc")]
    found = [is_sharp(text) for text in (candidate.facts.get("ConvolutionKernel"), *labels)]
    return next((float(sharp) for sharp in found if sharp is not None), None)


def _flat(column: str, candidate: Candidate) -> float | None:
    if column not in OF_MRI:
        return None
    given = str(candidate.facts.get("MRAcquisitionType", "")).strip().upper()
    if given in ("2D", "3D"):
        return float(given == "2D")
    label = candidate.entities.get("acq", "").lower()
    return 0.0 if "3d" in label else 1.0 if "2d" in label else None


def _slice_mm(column: str, candidate: Candidate) -> float | None:
    return _positive(candidate.facts.get("SliceThickness"))


def _echo(column: str, candidate: Candidate) -> float | None:
    time = echo_time_s(candidate.facts)
    number = candidate.entities.get("echo", "")
    if column == "T1w":
        return time if time is not None else float(number) if number.isdigit() else None
    if column not in ECHO_S:
        return None
    if time is None:
        return -float(number) if column == "T2w" and number.isdigit() else None  # of proton density and T2, the last
    return round(abs(time - ECHO_S[column]), 6)


def echo_time_s(facts: Mapping[str, Any]) -> float | None:
    """EchoTime in seconds, as BIDS has it; a value of 1 or more was written in milliseconds.

    Parameters
    ----------
    facts : Mapping[str, Any]
        What the image's sidecars say.

    Returns
    -------
    float | None
        Echo time in seconds; None where it is missing or not positive.
    """
    time = _positive(facts.get("EchoTime"))
    return time / 1000 if time is not None and time >= 1 else time


def _run(column: str, candidate: Candidate) -> float | None:
    number = candidate.entities.get("run")
    if number is None:
        return float("-inf")
    return -float(number) if number.isdigit() else None


def _unpacked(column: str, candidate: Candidate) -> float:
    return float(not candidate.name.endswith(".gz"))


def _positive(value: Any) -> float | None:
    try:
        number = float(value) if not isinstance(value, bool) else 0.0
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None


RULES: tuple[tuple[str, Key], ...] = (
    ("the one without contrast", _contrast_ct),
    ("the one with the suffix _vwi", _wall_suffix),
    ("the image of all echoes", _single_echo),
    ("the one without part-", _single_part),
    ("the one whose sidecar names no contrast agent", _with_agent),
    ("the plainest name", _other_entities),
    ("the softer kernel", _sharp),
    ("3D before 2D", _flat),
    ("the thinner slices", _slice_mm),
    ("the echo that fits", _echo),
    ("no run-, else the last run", _run),
    (".nii.gz before .nii", _unpacked),
)
