"""The images that an import makes: their names in BIDS, and which of several series serves one name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from angiolith.dicom.classify import Decision, Verdict
from angiolith.dicom.series import TRACE_TYPES, Volume
from angiolith.dicom.words import sharp_kernel

WHOLE_FRACTION = 0.9  # of the largest coverage among the series for one name: what covers less is a part
SHARP_ALONE = "a sharp kernel, which is noisier in soft tissue: no softer series is there"
THICKNESS_STEP_MM = 0.1  # slices that differ by less are equally thick


@dataclass(frozen=True)
class Target:
    """Where an image goes: folder, the entities before and the suffix at the end of its name."""

    folder: str
    entities: str
    suffix: str


TARGETS: Mapping[str, Target] = {
    "ct": Target("ct", "", "ct"),
    "T1w": Target("anat", "", "T1w"),
    "T1w_ce": Target("anat", "ce-contrast", "T1w"),
    "T2w": Target("anat", "", "T2w"),
    "FLAIR": Target("anat", "", "FLAIR"),
    "swi": Target("anat", "", "swi"),
    "swi_mag": Target("anat", "part-mag", "swi"),
    "swi_phase": Target("anat", "part-phase", "swi"),
    "T2starw": Target("anat", "", "T2starw"),
    "T2starw_phase": Target("anat", "part-phase", "T2starw"),
    "vwi": Target("vwi", "", "vwi"),
    "vwi_ce": Target("vwi", "ce-contrast", "vwi"),
    "angio": Target("anat", "", "angio"),
    "dwi": Target("dwi", "", "dwi"),
    "adc": Target("dwi", "", "ADC"),
}
ECHOES = ("swi", "swi_mag", "swi_phase", "T2starw", "T2starw_phase")  # several echoes of one series are kept


def bids_name(target: str, subject: str, session: str, echo: int | None = None) -> str:
    """The image's path below the BIDS folder, without its ending.

    Parameters
    ----------
    target : str
        Name of the image.
    subject, session : str
        Labels.
    echo : int | None
        Number of the echo, or None.

    Returns
    -------
    str
        The path.
    """
    made = TARGETS[target]
    entities = [f"sub-{subject}", f"ses-{session}"]
    ce, part = (made.entities if made.entities.startswith(key) else "" for key in ("ce-", "part-"))
    entities += [ce, f"echo-{echo}" if echo is not None else "", part, made.suffix]
    return f"sub-{subject}/ses-{session}/{made.folder}/" + "_".join(entity for entity in entities if entity)


@dataclass(frozen=True)
class Candidate:
    """A volume with its verdict, as series of one session compete. `answered`: the user's own decision."""

    volume: Volume
    verdict: Verdict
    answered: bool = False
    echo: int | None = None

    def beaten(self, reason: str) -> Candidate:
        """The same volume, left because another one serves the name.

        Parameters
        ----------
        reason : str
            Why.

        Returns
        -------
        Candidate
            The candidate.
        """
        return replace(self, verdict=Verdict(Decision.LEAVE, "", reason))

    def asked(self, reason: str) -> Candidate:
        """The same volume, for the user to decide on.

        Parameters
        ----------
        reason : str
            Why.

        Returns
        -------
        Candidate
            The candidate.
        """
        return replace(self, verdict=Verdict(Decision.ASK, self.verdict.target, reason))

    def with_note(self, words: str) -> Candidate:
        """The same volume and verdict, with more words in the reason.

        Parameters
        ----------
        words : str
            What is added.

        Returns
        -------
        Candidate
            The candidate.
        """
        return replace(self, verdict=replace(self.verdict, reason=f"{self.verdict.reason}; {words}"))

    @property
    def called(self) -> str:
        """How the series is named in a reason."""
        number = self.volume.number("SeriesNumber")
        part = f", part {self.volume.part}" if self.volume.n_parts > 1 else ""
        return f"series {number:.0f}{part}" if number is not None else f"another series{part}"


def settle(candidates: Sequence[Candidate], taken: Mapping[str, str] | None = None) -> list[Candidate]:
    """One series for each name in one session; the others are left, or asked where no rule tells which.

    What the user answered takes precedence over all.

    Parameters
    ----------
    candidates : Sequence[Candidate]
        Volumes of one session with their verdicts.
    taken : Mapping[str, str] | None
        Target -> UID of the series that an earlier import took.

    Returns
    -------
    list[Candidate]
        The candidates with their final verdicts.
    """
    settled = list(candidates)
    for target in TARGETS:
        chosen = [c for c in settled if c.verdict.target == target and c.verdict.decision is Decision.TAKE]
        doubtful = [c for c in settled if c.verdict.target == target and c.verdict.decision is Decision.ASK]
        result = _one(target, chosen)
        before = (taken or {}).get(target, "")
        if before and before not in {key[0] for key, c in result.items() if c.verdict.decision is Decision.TAKE}:
            result = _as_before(target, [*chosen, *doubtful], before)
        winners = [c for c in result.values() if c.verdict.decision is Decision.TAKE]
        if target == "ct":
            result |= {c.volume.key: c.with_note(SHARP_ALONE) for c in winners if sharp_kernel(c.volume)}
        if winners:
            for one in doubtful:
                result[one.volume.key] = one.beaten(f"{winners[0].called} is taken; of this one: {one.verdict.reason}")
        settled = [result.get(c.volume.key, c) for c in settled]
    return settled


def _as_before(target: str, candidates: Sequence[Candidate], before: str) -> dict[tuple[str, int], Candidate]:
    """The verdicts where an earlier import took another series than the rules would now: it stays, answers apart."""
    if any(c.answered for c in candidates):
        return _one(target, [c for c in candidates if c.verdict.decision is Decision.TAKE])
    reason = "an earlier import took another series of this session; to replace that, answer this one"
    result = {c.volume.key: c.beaten(reason) for c in candidates}
    return result | _one(target, [c for c in candidates if c.volume.key[0] == before])


def _one(target: str, candidates: Sequence[Candidate]) -> dict[tuple[str, int], Candidate]:
    """The verdicts of all that claim one name, by their volumes' keys."""
    rest = list(candidates)
    result = {c.volume.key: c for c in rest}
    for words, key in _rules(target, rest):
        if not _several(target, rest):
            break
        places = [key(c, rest) for c in rest]
        winners = [c for c, place in zip(rest, places, strict=True) if place == min(places)]
        for loser in (c for c in rest if c not in winners):
            result[loser.volume.key] = loser.beaten(words.format(winners[0].called))
        rest = winners
    if _several(target, rest):
        names = " or ".join(sorted({c.called for c in rest}))
        return result | {c.volume.key: c.asked(f"which is the {target}: {names}? Answer it for one") for c in rest}
    if len(rest) > 1:
        ordered = sorted(rest, key=lambda c: c.volume.number("EchoTime") or 0.0)
        result |= {c.volume.key: replace(c, echo=number) for number, c in enumerate(ordered, start=1)}
    return result


def _several(target: str, rest: Sequence[Candidate]) -> bool:
    """Whether there is still a choice: echoes of one series are none."""
    return len({c.volume.key[0] for c in rest} if target in ECHOES else rest) > 1


Key = Callable[[Candidate, Sequence[Candidate]], float]
Rule = tuple[str, Key]


def _rules(target: str, candidates: Sequence[Candidate]) -> list[Rule]:
    """The rules that choose, in order; each keeps those with the smallest value. `{}`: the series that is taken."""
    if any(c.answered for c in candidates):
        return [("{} is your answer", lambda c, rest: float(not c.answered))]
    whole: Rule = ("{} is taken: it covers more", _partial)
    if target == "ct":
        return [whole, ("{} is taken: the softer kernel", _sharp), ("{} is taken: thinner slices", _thickness_mm), LAST]
    whole_series: list[Rule] = [("{} is taken: it holds the single directions", _trace)] if target == "dwi" else []
    return [
        whole,
        *whole_series,
        ("{} is taken: 3D", _flat),
        ("{} is taken: axial", _not_axial),
        ("{} is taken: thinner slices", _thickness_mm),
        LAST,
    ]


def _partial(candidate: Candidate, rest: Sequence[Candidate]) -> float:
    most = max(c.volume.geometry.coverage_mm for c in rest)
    return float(candidate.volume.geometry.coverage_mm < WHOLE_FRACTION * most)


def _trace(candidate: Candidate, rest: Sequence[Candidate]) -> float:
    return float(bool(candidate.volume.image_type & TRACE_TYPES))


def _sharp(candidate: Candidate, rest: Sequence[Candidate]) -> float:
    """Soft before all others. Where none is known to be soft, unknown ones and sharp ones stay: that is asked."""
    known = {c.volume.key: sharp_kernel(c.volume) for c in rest}
    if False in known.values():
        return float(known[candidate.volume.key] is not False)
    return 0.0


def _thickness_mm(candidate: Candidate, rest: Sequence[Candidate]) -> float:
    """Slice thickness, mm; equal for all where their kernels differ and none is known to be soft."""
    kernels = {(c.volume.text("ConvolutionKernel"), c.volume.text("SeriesDescription")) for c in rest}
    if len(kernels) > 1 and any(sharp_kernel(c.volume) is None for c in rest):
        return 0.0
    given = candidate.volume.number("SliceThickness") or candidate.volume.geometry.step_mm
    return round(given / THICKNESS_STEP_MM) * THICKNESS_STEP_MM


def _flat(candidate: Candidate, rest: Sequence[Candidate]) -> float:
    kinds = [c.volume.text("MRAcquisitionType").upper() for c in rest]
    known = all(kind in ("2D", "3D") for kind in kinds)
    return float(known and candidate.volume.text("MRAcquisitionType").upper() == "2D")


def _not_axial(candidate: Candidate, rest: Sequence[Candidate]) -> float:
    if candidate.volume.text("MRAcquisitionType").upper() == "3D":
        return 0.0
    return float(candidate.volume.geometry.plane != "axial")


def _earlier(candidate: Candidate, rest: Sequence[Candidate]) -> float:
    """A series that was repeated as it was replaces the one before: images are repeated where they were spoiled."""
    alike = {
        (c.volume.text("SeriesDescription"), c.volume.text("ConvolutionKernel"), c.volume.text("StudyInstanceUID"))
        for c in rest
    }
    return -(candidate.volume.number("SeriesNumber") or 0.0) if len(alike) == 1 else 0.0


LAST: Rule = ("{} is taken: the last of equal series", _earlier)
