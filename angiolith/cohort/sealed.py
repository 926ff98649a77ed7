"""Content that is handed over sealed: its SHA-256 stands in it, so that a later change is seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEAL = "sha256"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content (as JSON has it) with its seal.

    Parameters
    ----------
    content : Mapping[str, Any]
        Content as JSON has it.

    Returns
    -------
    dict[str, Any]
        Content with its seal.
    """
    return {**content, SEAL: digest(content)}


def is_intact(content: Mapping[str, Any]) -> bool:
    """Whether the content is as it was sealed.

    Parameters
    ----------
    content : Mapping[str, Any]
        Content as JSON has it.

    Returns
    -------
    bool
        True where the seal fits.
    """
    return digest(content) == content.get(SEAL)


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the content without its seal.

    Parameters
    ----------
    content : Mapping[str, Any]
        Content as JSON has it.

    Returns
    -------
    str
        SHA-256, 64 hex digits.
    """
    plain = {name: value for name, value in content.items() if name != SEAL}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
