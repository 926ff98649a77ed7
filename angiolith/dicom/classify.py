"""What each volume of an export is: taken as an image that the workflow reads, left with the reason, refused, or asked.

The rules stand in order; the first that applies decides. What the words and the physics of a series tell differently is
asked, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from angiolith.core.bids.choose import (
    COMPLEX_TYPES,
    LOCALISER_TYPES,
    MINIP_TYPES,
    NO_AGENT,
    PHASE_TYPES,
)
from angiolith.dicom.head import shows_head
from angiolith.dicom.series import DIFFUSION_MAPS, SECONDARY_CAPTURE, TRACE_TYPES, Volume
from angiolith.dicom.words import described, protocol_of, region_of, says, says_contrast

SLICES_MIN = {"vwi": 4, "vwi_ce": 4, "angio": 4}  # fewer are no volume
SLICES_MIN_HEAD = 10
COVERAGE_MIN_MM = 80.0  # a brain is 120 to 150 mm high; less is a part of it
WHOLE_HEAD = ("ct", "T1w", "T1w_ce", "T2w", "FLAIR", "swi", "T2starw")
HEAD_FOV_MAX_MM = 350.0  # edge of a CT image of a head; bodies are reconstructed on more
TIME_COURSE_MIN = 4  # volumes at one place: a time course (perfusion, bolus tracking)
REFORMAT_TYPES = {"MPR", "REFORMATTED", "CSA MPR", "CSA RESAMPLED", "RESAMPLED"}
PROJECTION_TYPES = {"MIP", "MINIMUM", "PROJECTION IMAGE", "MAXIMUM", "VRT", "VOLUME_RENDER", "3D", "SSD"}
PAGE_TYPES = {"DOSE_INFO", "SCREEN SAVE", "CT_SOM5 PROT", "CT_SOM7 PROT", "PASTED", "SCREEN_SAVE"}
T2_ECHO_MS_MIN, T1_ECHO_MS_MAX, STAR_ECHO_MS_MIN = 50.0, 40.0, 9.0
FLAIR_INVERSION_MS_MIN = 1300.0  # fluid is nulled at 1.5 T and 3 T between 1,700 and 2,900 ms; at 64 mT at 1,400


class Decision(StrEnum):
    TAKE = "take"
    LEAVE = "leave"
    REFUSE = "refuse"
    ASK = "ask"


@dataclass(frozen=True)
class Verdict:
    """What a volume is; `target`: a key of `angiolith.dicom.targets.TARGETS`, or none; `reason` in words."""

    decision: Decision
    target: str
    reason: str


def leave(reason: str) -> Verdict:
    """A verdict: the volume is not taken.

    Parameters
    ----------
    reason : str
        Why.

    Returns
    -------
    Verdict
        The verdict.
    """
    return Verdict(Decision.LEAVE, "", reason)


def ask(reason: str, target: str = "") -> Verdict:
    """A verdict: the user decides.

    Parameters
    ----------
    reason : str
        Why.
    target : str
        Name of the image that it may be.

    Returns
    -------
    Verdict
        The verdict.
    """
    return Verdict(Decision.ASK, target, reason)


def take(target: str, reason: str) -> Verdict:
    """A verdict: the volume is taken as an image.

    Parameters
    ----------
    target : str
        Name of the image.
    reason : str
        Why.

    Returns
    -------
    Verdict
        The verdict.
    """
    return Verdict(Decision.TAKE, target, reason)


def refuse(reason: str) -> Verdict:
    """A verdict: no image can be made of the volume.

    Parameters
    ----------
    reason : str
        Why.

    Returns
    -------
    Verdict
        The verdict.
    """
    return Verdict(Decision.REFUSE, "", reason)


def classify(volume: Volume) -> Verdict:
    """The verdict on one volume, whatever else the visit holds.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    Verdict
        The verdict.
    """
    for rule in (_no_image, _page, _scout, _projection):
        verdict = rule(volume)
        if verdict:
            return verdict
    modality = {"CT": _ct, "MR": _mr}.get(volume.text("Modality"))
    verdict = modality(volume) if modality else leave(f"{volume.text('Modality') or 'no modality'}: neither CT nor MR")
    return verdict if verdict.decision is Decision.LEAVE else _usable(volume, verdict)


def fault_of(volume: Volume) -> str:
    """Why no image can be made of a volume, whatever it shows; nothing where one can.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    str
        The reason, or an empty string.
    """
    no_image = _no_image(volume)
    if no_image:
        return no_image.reason
    if "YES" in volume.text("BurnedInAnnotation").upper():
        return "text is burnt into the image (BurnedInAnnotation): it may name the person"
    if volume.text("PhotometricInterpretation") not in ("MONOCHROME1", "MONOCHROME2", ""):
        return f"colour image ({volume.text('PhotometricInterpretation')}): it has no grey values"
    return volume.geometry.refused


KINDS = {  # of what is no image, by the modality
    "KO": "key object selection: it names images and holds none",
    "PR": "presentation state: it holds no image",
    "SR": "structured report: it holds no image",
    "SEG": "segmentation: masks are looked for in derivatives/",
    "RTSTRUCT": "contours of radiotherapy: no image",
    "REG": "a registration: no image",
    "RWV": "real world values: no image",
    "DOC": "a document: no image",
}


def _no_image(volume: Volume) -> Verdict | None:
    if says("dose", described(volume)) and not volume.is_image:
        return leave("dose report")
    if volume.is_image:
        return None
    if volume.text("SOPClassUID").startswith(SECONDARY_CAPTURE):
        return leave("secondary capture (a picture of a screen): text may be burnt in")
    return leave(KINDS.get(volume.text("Modality"), f"{volume.text('Modality') or 'unknown'}: no CT or MR image"))


def _page(volume: Volume) -> Verdict | None:
    text = described(volume)
    if says("dose", text) or volume.image_type & PAGE_TYPES:
        return leave("dose report, protocol page or picture of a screen")
    if says("capture", text):
        return leave("key images: copies of slices of another series")
    if "YES" in volume.text("BurnedInAnnotation").upper():
        return refuse(fault_of(volume))
    return None


def _scout(volume: Volume) -> Verdict | None:
    if volume.image_type & {*LOCALISER_TYPES, "TOPOGRAM"} or says("scout", described(volume)):
        return leave("scout (localizer)")
    return None


def _projection(volume: Volume) -> Verdict | None:
    if volume.image_type & MINIP_TYPES or says("minip", described(volume)):
        return leave("minimum-intensity projection")
    if volume.image_type & PROJECTION_TYPES or says("rendered", described(volume)):
        return leave("projection or rendering: no slices")
    return None


def _usable(volume: Volume, verdict: Verdict) -> Verdict:
    """A verdict that holds only where the files make a volume."""
    geometry, target = volume.geometry, verdict.target
    fault = fault_of(volume)
    if fault and not (
        target == "dwi"
        and geometry.refused == fault
        and geometry.n_places > 1
        and geometry.n_volumes > 1
        and "repeated" not in fault
    ):
        return refuse(fault)
    least = SLICES_MIN.get(target, SLICES_MIN_HEAD)
    if geometry.n_places < least:
        return leave(f"too few slices ({geometry.n_places})")
    if target in WHOLE_HEAD and geometry.coverage_mm < COVERAGE_MIN_MM:
        return leave(f"a part of the head: {geometry.coverage_mm:.0f} mm")
    if geometry.faults and not fault:
        return Verdict(verdict.decision, target, f"{verdict.reason}; put right: {geometry.words}")
    return verdict


def _ct(volume: Volume) -> Verdict:
    text, geometry = described(volume), volume.geometry
    types = " ".join(volume.image_type).split()
    course = geometry.n_volumes >= TIME_COURSE_MIN and geometry.n_places > 1
    if course or says("perfusion", text):
        return leave("perfusion or another time course (CTP)")
    if says("monitoring", text):
        return leave("tracking of a contrast bolus")
    if geometry.plane and geometry.plane != "axial":
        return leave(f"{geometry.plane} reformat")
    agent, stated = agent_of(volume), says_contrast(volume)
    if says("angio_ct", text):
        return leave("CT angiogram: contrast in the arteries looks like calcium")
    if agent and stated is False:
        return ask("the description says without contrast, the header names a contrast agent", "ct")
    if agent or stated:
        return leave("after contrast: contrast in the arteries looks like calcium")
    region = region_of(volume)
    if region in ("elsewhere", "part"):
        return leave(
            "another region" if region == "elsewhere" else "a part of the head (sinuses, orbits, temporal bone)"
        )
    reformat = volume.image_type & REFORMAT_TYPES or "MPR" in types or says("reformat", text)
    if reformat or {"DERIVED", "SECONDARY"} <= volume.image_type:
        return ask("axial reformat (ImageType or description): take it only where there is no original", "ct")
    if region == "both":
        return ask("head and another region are named: take it if it is of the head alone", "ct")
    if not region and not shows_head(volume):
        return ask("nothing names the region, and no ring of bone shows that it is a head", "ct")
    edge = field_of_view_mm(volume)
    if edge > HEAD_FOV_MAX_MM:
        return ask(f"field of view of {edge:.0f} mm: more than a head's", "ct")
    what = "axial head CT" if region else "axial CT, a head by its ring of bone"
    return take("ct", what + (" without contrast" if stated is False else ""))


def field_of_view_mm(volume: Volume) -> float:
    """The longer edge of an image, mm; 0 where the header does not say.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    float
        Length, mm.
    """
    spacing = volume.frames[0].spacing
    sizes = (volume.number("Rows") or 0.0, volume.number("Columns") or 0.0)
    return max((size * edge for size, edge in zip(sizes, spacing, strict=False)), default=0.0)


def agent_of(volume: Volume) -> bool | None:
    """Whether the header names a contrast agent; None where it says nothing (an empty attribute says nothing).

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    bool | None
        True, False or None.
    """
    text = volume.text("ContrastBolusAgent").strip().lower()
    return None if not text else text not in NO_AGENT


def _mr(volume: Volume) -> Verdict:
    text = described(volume)
    for target, what in (("dwi", "diffusion"), ("adc", "diffusion map")):
        if target == "adc" and _is_adc(volume, text):
            return take("adc", "apparent diffusion coefficient")
        maps = volume.image_type & DIFFUSION_MAPS or says("adc", text) or says("diffusion_map", text)
        trace = volume.image_type & TRACE_TYPES
        if target == "dwi" and (trace or says("dwi", text)) and not maps:
            return take("dwi", f"{what}, mean of its directions (trace)" if trace else what)
    if volume.image_type & DIFFUSION_MAPS or says("diffusion_map", text):
        return leave("a map made of diffusion images, other than the ADC")
    if says("perfusion", text) or says("other_mr", text):
        return leave("a sequence that the workflow does not measure")
    region = region_of(volume)
    if region in ("elsewhere", "part") and not says("wall", text) and not says("tof", text):
        return leave("another region" if region == "elsewhere" else "a part of the head")
    verdict = _sequence(volume, text)
    if verdict.decision is Decision.TAKE and region in ("", "both") and not _of_the_head(verdict.target):
        return ask(f"{verdict.reason}, but nothing names the region as the head alone", verdict.target)
    return verdict


def _is_adc(volume: Volume, text: str) -> bool:
    named = volume.image_type & {"ADC", "ADC_UNSPECIFIED"} or says("adc", text)
    return bool(named) and not says("diffusion_map", text)


def _of_the_head(target: str) -> bool:
    """Whether a sequence is made of heads only."""
    return target.startswith(("FLAIR", "swi"))


def _sequence(volume: Volume, text: str) -> Verdict:
    """The contrast of an MR series: what the words say, unless the physics contradict it."""
    part = _part(volume, text)
    if part == "other":
        return leave("real or imaginary part of an image")
    after = _after_contrast(volume)
    for words in (text, protocol_of(volume)):
        for name, rule in RULES:
            if says(name, words):
                return rule(volume, part, after)
    physical = physics_of(volume)
    if physical:
        return ask(f"the description does not say what it is; its times are those of a {physical}", physical)
    return ask("the description does not say what it is, nor do its times")


def _part(volume: Volume, text: str) -> str:
    if volume.image_type & PHASE_TYPES or (says("phase", text) and not volume.image_type & {"M", "M_FFE"}):
        return "phase"
    return "other" if volume.image_type & COMPLEX_TYPES else ""


def _after_contrast(volume: Volume) -> bool | None:
    """Whether an MR series was made after contrast: True or False where words or header state it and agree; else
    None."""
    agent, stated = agent_of(volume), says_contrast(volume)
    if stated is None:
        return agent
    return None if agent is True and stated is False else stated


def _wall(volume: Volume, part: str, after: bool | None) -> Verdict:
    text = described(volume)
    if part:
        return leave("phase image of a vessel-wall series")
    if says("t2", text) or says("pd", text):
        return leave("vessel wall in another contrast than T1: not measured")
    if after is None and agent_of(volume) is True:
        return ask("vessel wall: description and header disagree on contrast", "vwi_ce")
    return take("vwi_ce", "vessel wall after contrast") if after else take("vwi", "vessel wall")


def _swi(volume: Volume, part: str, after: bool | None) -> Verdict:
    if part == "phase":
        return take("swi_phase", "phase image of SWI")
    if says("magnitude", described(volume)) and "SWI" not in volume.image_type:
        return take("swi_mag", "magnitude image of SWI")
    return take("swi", "SWI")


def _star(volume: Volume, part: str, after: bool | None) -> Verdict:
    if part == "phase":
        return take("T2starw_phase", "phase image of T2*")
    echo = volume.number("EchoTime")
    if echo is not None and echo < STAR_ECHO_MS_MIN and volume.n_parts == 1:
        return ask(f"called T2*, but its echo time is {echo:.1f} ms", "T2starw")
    return take("T2starw", "T2*")


def _tof(volume: Volume, part: str, after: bool | None) -> Verdict:
    if part:
        return leave("phase image of an angiogram")
    if volume.geometry.plane and volume.geometry.plane != "axial":
        return leave(f"{volume.geometry.plane} reformat of an angiogram")
    return take("angio", "time-of-flight angiogram")


def _flair(volume: Volume, part: str, after: bool | None) -> Verdict:
    inversion = volume.number("InversionTime")
    if says("t1", described(volume)):
        return ask("T1 FLAIR: a T1w of another contrast; take it only where there is no other", "T1w")
    if inversion is not None and 0 < inversion < FLAIR_INVERSION_MS_MIN:
        return ask(f"called FLAIR, but its inversion time is {inversion:.0f} ms", "FLAIR")
    return leave("FLAIR after contrast: not measured") if after else take("FLAIR", "FLAIR")


def _t1(volume: Volume, part: str, after: bool | None) -> Verdict:
    if part:
        return leave("phase image")
    echo, text = volume.number("EchoTime"), described(volume)
    if says("t2", text) and not says("pd", text):
        return ask("called T1 and T2 at once")
    if echo is not None and echo > T1_ECHO_MS_MAX:
        return ask(f"called T1, but its echo time is {echo:.0f} ms", "T1w")
    if after is None and agent_of(volume) is True:
        return ask("T1w: description and header disagree on contrast", "T1w")
    spin = {"SE"} & {part.strip() for part in volume.text("ScanningSequence").upper().split("\\")}
    if spin and volume.text("MRAcquisitionType").upper() == "3D":
        return ask(
            "3D spin echo T1: of the brain (T1w), or of the vessel wall (vwi, vwi_ce)?", "vwi_ce" if after else "T1w"
        )
    return take("T1w_ce", "T1w after contrast") if after else take("T1w", "T1w")


def _t2(volume: Volume, part: str, after: bool | None) -> Verdict:
    echo = volume.number("EchoTime")
    if part:
        return leave("phase image")
    if echo is not None and echo < T2_ECHO_MS_MIN:
        if volume.n_parts > 1 or says("pd", described(volume)):
            return leave("proton density: not measured")
        return ask(f"called T2, but its echo time is {echo:.0f} ms", "T2w")
    return leave("T2w after contrast: not measured") if after else take("T2w", "T2w")


def _pd(volume: Volume, part: str, after: bool | None) -> Verdict:
    return leave("proton density: not measured")


RULES: tuple[tuple[str, Callable[[Volume, str, bool | None], Verdict]], ...] = (
    ("wall", _wall),
    ("tof", _tof),
    ("swi", _swi),
    ("flair", _flair),
    ("t2star", _star),
    ("t1", _t1),
    ("t2", _t2),
    ("pd", _pd),
)


def physics_of(volume: Volume) -> str:
    """The contrast that a series' times tell, or nothing where they fit several.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    str
        FLAIR, T1w, T2w, T2starw, or an empty string.
    """
    kinds = {part.strip() for part in volume.text("ScanningSequence").upper().split("\\")}
    echo, inversion = volume.number("EchoTime"), volume.number("InversionTime") or 0.0
    if echo is None or "EP" in kinds:
        return ""
    if inversion >= FLAIR_INVERSION_MS_MIN and echo >= T2_ECHO_MS_MIN:
        return "FLAIR"
    if "GR" in kinds and 0 < inversion < FLAIR_INVERSION_MS_MIN and echo < STAR_ECHO_MS_MIN:
        return "T1w"
    if "GR" in kinds and echo >= STAR_ECHO_MS_MIN and not inversion:
        return "T2starw"
    if "SE" in kinds and not inversion:
        return "T2w" if echo >= T2_ECHO_MS_MIN else "T1w" if echo < T1_ECHO_MS_MAX else ""
    return ""
