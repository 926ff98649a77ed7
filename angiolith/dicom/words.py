"""What descriptions of series, protocols and studies say, in the words that scanners and hospitals use."""

from __future__ import annotations

import re

from angiolith.core.bids.kernels import is_sharp
from angiolith.dicom.series import Volume

SAYS: dict[str, re.Pattern[str]] = {
    name: re.compile("|".join(patterns))
    for name, patterns in {
        "scout": (
            r"scout|locali[sz]er|topo(gram|graphy)?\b|\bsurvey|surview|(3|three).?plane|\bpilot|\baahead",
            r"\bscano(gram)?\b|\bloc\b|定位|位置決め|topogr|überblick|übersicht",
        ),
        "dose": (r"dose.?(report|info|record|summary|page|sheet)|radiation dose|patient.?protocol|protocol page",),
        "capture": (r"key.?(image|slice)|screen.?(save|shot|capture)|\bssave|snapshot|mobileview|\bfilm",),
        "rendered": (r"\bvrt?\b|volume.?render|\b3d.?(recon|render|bone|skull)|\bmip\b|maximum intensity",),
        "reformat": (r"\bmpr\b|reformat|\brfmt",),
        "monitoring": (r"monitor|\bbolus|smart.?prep|test.?inj|track(er|ing)\b",),
        "perfusion": (
            r"perf|\bctp\b|\bcb[fv]\b|\bmtt\b|\btmax\b|\bttp\b|\bdsc\b|\bdce\b|dynamic|\b4d\b|\basl\b|\brapid\b",
        ),
        "angio_ct": (r"\bcta\b|angio|willis|\bcow\b|arterial|venous|\bctv\b|artery|carotis|carotid",),
        "no_contrast": (
            r"\bw/?o\b|without|\bnon.?c(on|e|\b)|\bnc(ct)?\b|\bnect\b|nativ|\bohne\b|\bpre\b|no contrast|unenhanced",
            r"\bplain\b|\bsin\b|\bsans\b|\bsenza\b|\bsem\b|\bbez\b|\bzonder\b|\bblanco\b|\buden\b|\butan\b|\buten\b",
            r"\bs/ ?c\b|\bsimple\b|\bbasale?\b|(?<=\s)-c\b|\bc-(?=\s|$)|без|нативн|平扫|单纯|単純|非增强|비조영",
        ),
        "contrast": (
            r"\+ ?(c|gd|gad|km|ce|contrast)\b",
            r"\bpost\b(?!.?(fossa|op|trauma|fall|surg|crani|drain|evd|shunt|evt|thromb|lysis))",
            r"\bpost.?(gd|gad|con|km)|\bce\b|\bgd\b|gadolin|gadovist|dotarem|\bc\+|contrast|kontrast|контраст|\bkm\b|\bmdc\b",
            r"\bcect\b|enhanced|增强|造影|조영",
        ),
        "flair": (r"flair|dark.?fluid|\btirm\b",),
        "t2star": (r"t2 ?\*|t2.?star|\bt2s\b|\bhemo|\bt2.?(gre|ffe)\b|\bgre.?t2\b|\bgre\b|\bmerge\b|\bffe\b",),
        "swi": (r"\bswi|\b(pha|mag|mip) images\b|\bswan|\bswip|susceptib|\bven.?bold",),
        "minip": (r"\bm(in)?.?ip\b|mnip|minimum intensity",),
        "phase": (r"\bpha(se)?\b|\bpha.?images|filtered.?phase",),
        "magnitude": (r"\bmag(nitude)?\b|\bmag.?images",),
        "tof": (r"\btof|time.?of.?flight|\bmra\b|mr.?angio|inhance|3dtof",),
        "wall": (
            r"vessel.?wall|\bvw(i|.?mri)?\b|\bhr.?vw|\bhr.?mri\b|black.?blood|\bbb\b|\bdante|msde|\bvwi|\bwall\b",
        ),
        "t1": (r"\bt1|mp.?rage|\bvibe\b|\bbravo\b|\b(ir.?)?f?spgr\b|\btfl\b|3d.?tfe|mp2rage",),
        "t2": (r"\bt2",),
        "pd": (r"\bpd\b|proton.?dens|\bpd.?w\b",),
        "dwi": (r"\bdwi\b|diff|\bdti\b|\bresolve\b|\btrace|\bb ?1000\b",),
        "diffusion_map": (r"\beadc\b|exponential|\bcol.?fa\b|\bfa\b|tensor",),
        "adc": (r"\badc\b|apparent",),
        "other_mr": (
            r"\bbold\b|\bfmri\b|\bmrs\b|spectro|field.?map|b0.?map|\bsvs\b|\bqsm\b|ciss\b|\bfiesta\b|\bmt\b|\bstir\b",
        ),
    }.items()
}  # of series, in lower case; CT's words are looked for in CT alone, and MRI's in MRI
HEAD = re.compile(
    r"head|brain|skull|crani|kran[ij]|cerebr|cérébr|neuro|sch[aä]e?del|kopf|\bcct\b|ncct|cr[aáâ]n[eij]|cabe[zç]a|stroke|hirn"
    r"|en[ck][eé]f|t[eê]te|\biac\b|hersen|schedel|hoofd|głow|glow[aye]|m[oó]zg|hj[aäe]rn|skalle|huvud|\bhoved|\bhode\b|aivo"
    r"|hlav|mozk|mozek|beyin|koponya|голов|мозг|череп|头|颅|脑|頭|脳|두부|머리|뇌"
)
PART_OF_HEAD = re.compile(
    r"sinus|orbit|temporal|facial|\bface\b|dental|mastoid|petrous|inner.?ear|pituitar|sella|maxill|mandib|\btmj\b|\bnnh\b|\bpns\b|felsenbein|rocher|rotsbeen|kiefer|gesicht|facci|鼻窦|副鼻腔|眼眶|眼窩|颞骨|側頭骨|内耳|中耳|垂体"
)
ELSEWHERE = re.compile(
    r"neck|spine|chest|thora|abdo|pelvi|lung|cardi|\bheart|knee|shoulder|\bhip\b|cervic|lumb|\bhals|wirbel|aort|\bleg\b|\barm\b"
    r"|foot|ankle|wrist|liver|kidney|breast|prostat|becken|\bhws\b|\blws\b"
    r"|t[oó]rax|colun|columna|rachi[sd]|pesco[cç]o|cuello|\bcollo\b|wervel|\bbuik|kr[eę]gos|грудн|живот|позвон|胸|腹|盆|颈|頸|腰|脊"
)
SHARP_WORDS = re.compile(r"\bbone|\bsharp|\bedge|\blung|\bknochen|\bhueso|\bosso?\b|\bbot\b|\bko[sś][cć]\b|骨")
SOFT_WORDS = re.compile(
    r"\bsoft|\bst\b|\bstd\b|\bstandard|\bbrain|\bsmooth|\bweich|\bhirn|parenchym|软组织|脑窗|軟部|脳実質"
)
HEAD_PARTS = ("HEAD", "BRAIN", "SKULL", "CRANIUM", "CEREBRUM", "NEURO")
HEAD_KERNEL = re.compile(r"(H|HR|HC|HP|HF|HV|QR|J)\d{2}.*", re.IGNORECASE)  # Siemens: H is for heads


def described(volume: Volume) -> str:
    """What the series is called, or else its protocol, in lower case, `_` as a blank.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    str
        The text.
    """
    text = volume.text("SeriesDescription") or volume.text("ProtocolName")
    return text.lower().replace("_", " ")


def protocol_of(volume: Volume) -> str:
    """What the protocol is called, in lower case, `_` as a blank.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    str
        The text.
    """
    return volume.text("ProtocolName").lower().replace("_", " ")


def says(what: str, text: str) -> bool:
    """Whether a description says this (a key of SAYS).

    Parameters
    ----------
    what : str
        A key of SAYS.
    text : str
        A description.

    Returns
    -------
    bool
        True where it does.
    """
    return SAYS[what].search(text) is not None


def says_contrast(volume: Volume) -> bool | None:
    """Whether the series' own description says that it was made after contrast; None where it says neither.

    Its protocol is not asked: one protocol has series before and after contrast.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    bool | None
        True, False or None.
    """
    text = volume.text("SeriesDescription").lower().replace("_", " ")
    without = SAYS["no_contrast"].search(text) is not None
    rest = SAYS["no_contrast"].sub(" ", text)
    if SAYS["contrast"].search(rest) and not without:
        return True
    return False if without else None


def sharp_kernel(volume: Volume) -> bool | None:
    """Whether a CT was made with a sharp kernel: by the kernel's name, else by the words of the description.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    bool | None
        True, False or None.
    """
    by_name = is_sharp(volume.text("ConvolutionKernel"))
    if by_name is not None or volume.text("ConvolutionKernel"):
        return by_name
    text = described(volume)
    sharp, soft = SHARP_WORDS.search(text), SOFT_WORDS.search(text)
    return bool(sharp) if bool(sharp) != bool(soft) else None


def region_of(volume: Volume) -> str:
    """`head`, `part` (of a head), `elsewhere`, `both` (head and elsewhere), or "" where nothing names a region.

    The series' own words decide, then BodyPartExamined, then the study's description.

    Parameters
    ----------
    volume : Volume
        The volume.

    Returns
    -------
    str
        Name of the region, or an empty string.
    """
    own = f"{described(volume)} {protocol_of(volume)}"
    body = volume.text("BodyPartExamined").upper().replace(" ", "")
    for text in (own, body.lower(), volume.text("StudyDescription").lower()):
        elsewhere, part = ELSEWHERE.search(text), PART_OF_HEAD.search(text)
        head = HEAD.search(text) or any(name in text.upper() for name in HEAD_PARTS)
        if head and elsewhere:
            return "both"
        if elsewhere:
            return "elsewhere"
        if part and not head:
            return "part"
        if head:
            return "head"
    return "head" if HEAD_KERNEL.fullmatch(volume.text("ConvolutionKernel").split("\\")[0]) else ""
