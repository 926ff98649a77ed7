"""Which of several images serves a column of the manifest."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from angiolith.core.settings.section import Section


class ImageChoice(Section):
    """Which image serves a column of the manifest: the label of an entity, or `none` for an image without it."""

    acq: str | int | None = None
    """Acquisition."""
    ce: str | int | None = None
    """Contrast agent; naming it lets an image after contrast serve as T1w, T2w, FLAIR, SWI or T2*."""
    rec: str | int | None = None
    """Reconstruction."""
    dir: str | int | None = None
    """Direction of phase encoding."""
    run: str | int | None = None
    """Run; default: the last."""
    echo: str | int | None = None
    """Echo; default: the one whose echo time fits."""
    inv: str | int | None = None
    """Inversion."""
    part: Literal["mag", "none"] | None = None
    """Magnitude (`mag`) or the image without `part-`; phase, real and imaginary images are never used."""

    @model_validator(mode="after")
    def labels(self) -> ImageChoice:
        for name, label in self.asked.items():
            if not label.isalnum():
                raise ValueError(f"{name}: {label!r} is no label; give letters and digits, or none")
        return self

    @property
    def asked(self) -> dict[str, str]:
        """Entity -> label, of those that are given."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: str(label) for name, label in given.items() if label is not None}
