"""The images of one session without their faces: the same plane of the head in CT and MRI."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from angiolith.brain.face import FaceError, FacePlane, face_plane
from angiolith.brain.network import BrainModel
from angiolith.brain.segment import segment_brain
from angiolith.core.image_checks import SLAB_COLUMNS, is_brain_extracted
from angiolith.core.images import HU_AIR, Image, is_same_grid, mask_points, read_ct, read_image, read_mri
from angiolith.core.nifti import packed
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.registration import RigidSettings
from angiolith.core.tables import FAILED
from angiolith.registration.rigid import register_rigid

# [mm] A plane that was found in another image keeps at least this far from the brain. Source: half of MARGIN_MM.
NEAREST_MM = 5.0


@dataclass
class SessionFaces:
    """Finds the face in each image of a session; what one image shows serves those that show it worse."""

    model: BrainModel
    measured: frozenset[str] = frozenset()
    """Columns whose brain the workflow segments: their tissues are kept in `tissues`, as they are with the face."""
    settings: BrainSettings = field(default_factory=BrainSettings)
    rigid: RigidSettings = field(default_factory=RigidSettings)
    found: list[tuple[Image, bool, FacePlane]] = field(default_factory=list)
    """Images in which a whole brain was found: image, whether it is a CT, plane."""
    tissues: dict[str, Image] = field(default_factory=dict)
    """Column -> map of tissues on the image's grid."""

    def plane(self, path: Path, column: str, last: bool = False) -> FacePlane | None:
        """The plane in front of which the image shows a face; None for a brain without a head around it.

        The first image of a session that shows a whole brain has the plane of its own brain. The others take that
        plane, by their grid or by a rigid registration, unless it would come near to their own brain: then, and where
        no registration is found, their own brain decides. Where no image shows a whole brain, the part in the image
        serves if this is the `last` try.

        Parameters
        ----------
        path : Path
            Path of the image.
        column : str
            Column of the manifest, such as ct or T1w.
        last : bool
            True where no later try follows.

        Returns
        -------
        FacePlane | None
            The plane, or None for a brain without a head around it.

        Raises
        ------
        FaceError
            Where the image shows no whole brain and joins no image that does.
        ImageError
            For an image that cannot be read.
        """
        is_ct = column == "ct"
        image = (read_ct if is_ct else read_mri)(path)
        if not is_ct and is_brain_extracted(image):
            return None
        same = [plane for other, of_ct, plane in self.found if of_ct == is_ct and is_same_grid(image, other)]
        if same and column not in self.measured:
            return same[0]
        brain = None if column in SLAB_COLUMNS else segment_brain(image, is_ct, self.model, self.settings)
        if column in self.measured and brain is not None and brain.status != FAILED:
            self.tissues[column] = image.with_data(brain.tissues)
        if same:
            return same[0]
        whole = brain is not None and brain.status != FAILED and (brain.complete or (last and not self.found))
        shown = mask_points(image.affine, brain.brain) if brain is not None and whole else None
        chosen = self._joined(image, is_ct, shown)
        if chosen is None and brain is not None and whole:
            chosen = face_plane(brain.brain, image.affine)
        if chosen is None:
            reason = "a slab" if brain is None else brain.reason or "the image cuts the brain"
            raise FaceError(f"no whole brain ({reason}), and it joins no image of the session that shows one")
        self.found.append((image, is_ct, chosen))
        return chosen

    def _joined(self, image: Image, is_ct: bool, shown: np.ndarray | None) -> FacePlane | None:
        """The plane of the session's first image, moved to this one; None where that is not sure.

        shown: points (n, 3) of the image's own brain, RAS mm, which the plane must keep off.
        """
        if not self.found:
            return None
        fixed, fixed_is_ct, plane = self.found[0]
        transform = register_rigid(fixed, image, self.rigid, fixed_is_ct, is_ct)
        if transform.status == FAILED:
            return None
        moved = plane.placed(transform.matrix_ras)
        near = shown is not None and float((shown @ moved.normal).max()) > moved.offset_mm - NEAREST_MM
        return None if near else moved


def without_face(path: Path, plane: FacePlane, is_ct: bool) -> tuple[bytes, float]:
    """A NIfTI file's content with the face set to air, and the fraction of its voxels that were.

    Air is -1024 HU in CT and 0 in MRI, or the nearest value that the file can hold. Every other byte is as it was.
    Raises ImageError for a file that holds more than one volume.

    Parameters
    ----------
    path : Path
        Path of the NIfTI file.
    plane : FacePlane
        The plane in front of which the face lies.
    is_ct : bool
        True for a CT.

    Returns
    -------
    tuple[bytes, float]
        Content of the file, and fraction of the voxels that were set to air (0 to 1).
    """
    shape = read_image(path).data.shape  # of one volume; complains with a remedy about what cannot be read
    stored: Any = nib.load(path)
    proxy = stored.dataobj
    content = bytearray(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    kind = np.dtype(proxy.dtype)
    voxels = np.frombuffer(content, kind, int(np.prod(shape)), int(proxy.offset)).reshape(shape, order="F")
    value = ((HU_AIR if is_ct else 0.0) - float(proxy.inter)) / float(proxy.slope)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        value = float(np.clip(round(value), limits.min, limits.max))
    face = plane.face(shape, np.asarray(stored.affine, float))
    voxels[face] = value
    whole = bytes(content)
    return (packed(whole) if path.suffix == ".gz" else whole), float(face.mean())
