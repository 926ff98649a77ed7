"""Whether a CT's reconstruction kernel is a sharp one, from the names that the four large vendors give theirs.

Siemens: a letter for the body's part and a number that grows with sharpness (B30f, H40s, J30s, Hr40f, Hv64u; from 50 on
sharp). GE: words. Canon (Toshiba): FC and a number (FC30 to FC39 and FC80 to FC86 bone, FC50 to FC59 lung). Philips:
letters (A, B, C smooth; D, E, L and those that begin with Y sharp).
"""

from __future__ import annotations

import re
from typing import Any

SIEMENS = re.compile(r"(?:[BHJIUTDEC]|[BHQATIS][RVPFC]|[HB]P)(\d{2})\d?[A-Z]?(?:[-_/\\ ].*)?", re.IGNORECASE)
SIEMENS_SHARP = 50
SHORT_STRING_MAX = 16  # characters of a DICOM value of the kind SH
CANON = re.compile(r"FC(\d{2})[A-Z]?.*", re.IGNORECASE)
SOFT_WORDS = ("soft", "standard", "stnd", "std", "brain", "smooth", "neuro")
SHARP_WORDS = ("bone", "boneplus", "lung", "edge", "ultra", "detail", "sharp", "chst", "hires")
PHILIPS = {"A": False, "B": False, "C": False, "UA": False, "UB": False, "UC": False, "EA": False}
PHILIPS |= {"D": True, "E": True, "L": True, "YA": True, "YB": True, "YC": True, "YD": True, "EB": True, "EC": True}


def kernel_text(value: Any) -> str | None:
    """A kernel as one text, None where there is none; DICOM allows several values, of at most 16 characters each (SH):
    a longer text is no kernel's name, and may name a person.

    Parameters
    ----------
    value : Any
        ConvolutionKernel as a sidecar has it: a text, a list or None.

    Returns
    -------
    str | None
        The kernel's name; several values are joined by a backslash.
    """
    text = "\\".join(map(str, value)) if isinstance(value, list) else str(value) if value is not None else ""
    if any(len(part) > SHORT_STRING_MAX for part in text.split("\\")):
        return None
    return text.strip() or None


def is_sharp(value: Any) -> bool | None:
    """Whether a kernel (ConvolutionKernel, or a label such as `bone`) is sharp; None where its name is not known.

    Parameters
    ----------
    value : Any
        ConvolutionKernel as a sidecar has it, or a label.

    Returns
    -------
    bool | None
        True for a sharp (bone) kernel, False for a soft one, None for an unknown one.
    """
    text = kernel_text(value)
    if text is None:
        return None
    name = text.split("\\")[0].strip()
    siemens, canon = SIEMENS.fullmatch(name), CANON.fullmatch(name)
    if canon:
        return int(canon[1]) in (*range(30, 40), *range(50, 60), *range(80, 87))
    if siemens:
        return int(siemens[1]) >= SIEMENS_SHARP
    if name.upper() in PHILIPS:
        return PHILIPS[name.upper()]
    folded = re.sub(r"[^a-z]", "", name.lower())
    if any(word in folded for word in SHARP_WORDS):
        return True
    return False if any(word in folded for word in SOFT_WORDS) else None
