"""The intracranial arteries: centrelines through anatomical landmarks, with each subject's own course and calibre.

Landmarks are given for the left side in MNI152 mm (x < 0), set by hand from anatomical knowledge of each artery's
relations to the brain and skull base (e.g. the basilar artery runs in the prepontine cistern, 2-4 mm in front of the
pons), and mirrored for the right. Radii are typical lumen radii in adults. The lists are the phantom's own: nothing in
the pipeline reads them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phantoms.geometry import Curve

# TopCoW numbering where it has the artery; the vertebral arteries follow
ARTERY_LABELS = {
    ("BA", "M"): 1, ("PCA", "R"): 2, ("PCA", "L"): 3, ("ICA", "R"): 4, ("MCA", "R"): 5, ("ICA", "L"): 6,
    ("MCA", "L"): 7, ("ACA", "R"): 11, ("ACA", "L"): 12, ("VA", "R"): 13, ("VA", "L"): 14,
}  # fmt: skip

# artery -> rows of x, y, z (MNI mm), lumen radius (mm)
LEFT_LANDMARKS = {
    "ICA": [
        (-27, -24, -78, 2.5), (-27, -23, -66, 2.5), (-27, -22, -56, 2.4),  # cervical, up to the carotid canal
        (-26, -20.5, -49, 2.3), (-22.5, -17.5, -45.5, 2.2), (-17.5, -12.5, -43, 2.2),  # petrous: up, forward-medial
        (-13.5, -8, -39.5, 2.2), (-12, -5, -34.5, 2.3), (-12.2, -0.5, -31.6, 2.3),  # over the foramen lacerum, up
        (-12.8, 4.5, -31.2, 2.3), (-12.6, 9, -29.3, 2.2), (-11.4, 10.6, -25.6, 2.1),  # cavernous, forward; genu
        (-10.8, 7.6, -22.6, 2.0), (-11.5, 4.2, -19.8, 1.9), (-13.6, 2.2, -16.6, 1.8),  # clinoid, ophthalmic, terminus
    ],
    "MCA": [
        (-13.6, 2.2, -16.6, 1.6), (-19, 2.8, -15.8, 1.5), (-25.5, 3.2, -17.2, 1.45), (-31.5, 4.2, -18.6, 1.35),
        (-36.5, 6, -17, 1.2), (-39.5, 5.5, -11.5, 1.05), (-41, 1.5, -4.5, 0.95), (-41.2, -4, 2, 0.85),
        (-42, -10, 8, 0.75),
    ],
    "ACA": [
        (-13.6, 2.2, -16.6, 1.3), (-9.6, 6, -17.2, 1.2), (-5.2, 10.5, -16.8, 1.15), (-2.2, 14.5, -14.8, 1.1),
        (-1.8, 24, -13.5, 1.05), (-1.8, 33.5, -7.5, 1.0), (-1.9, 38.5, 3, 0.95), (-1.9, 35.5, 14.5, 0.9),
        (-1.9, 26.5, 24.5, 0.8),
    ],
    "PCA": [
        (0, -12.8, -19.2, 1.35), (-4.5, -13.4, -18.6, 1.25), (-9.5, -15.5, -18.2, 1.2), (-15.5, -19.5, -17.4, 1.15),
        (-19.4, -26, -13.6, 1.1), (-19.6, -33.5, -8.8, 1.0), (-16.4, -41.5, -4.4, 0.9), (-13.5, -50, -2.4, 0.8),
    ],
    "BA": [
        (0, -22, -49, 1.75), (0, -16.2, -42.5, 1.75), (0, -11.4, -35.5, 1.7), (0, -9.2, -28, 1.65),
        (0, -12.8, -19.2, 1.6),
    ],
    "VA": [
        (-29, -42, -82, 1.6), (-28.5, -46, -76, 1.6), (-22.5, -49.5, -73.5, 1.6), (-16, -46.5, -69.5, 1.55),
        (-11.2, -39.5, -63.5, 1.5), (-7.4, -32, -57.5, 1.45), (-3.6, -26, -52.8, 1.45), (0, -22, -49, 1.5),
    ],
}  # fmt: skip
STEP_MM = 0.2


def artery_names() -> list[tuple[str, str]]:
    """(artery, side) of every artery, in the order of their labels."""
    return sorted(ARTERY_LABELS, key=lambda name: ARTERY_LABELS[name])


def draw_arteries(
    rng: np.random.Generator, to_head: Callable[[np.ndarray], np.ndarray], hypoplastic_va: str | None = None
) -> dict[tuple[str, str], Curve]:
    """One subject's arteries in the head frame; junctions stay joined.

    `to_head` maps MNI points (n, 3) to the subject's head frame. Every landmark moves by a smooth random shift (sd
    about 1 mm, half of it shared by an artery), the basilar artery bows sideways (dolichoectasia in some), radii vary
    by 12 %, and a hypoplastic vertebral artery ("L" or "R") has 55 % of its radius.
    """
    bow_mm = rng.normal(0, 1.5)
    joints: dict[str, np.ndarray] = {}
    curves = {}
    for artery, side in artery_names():
        rows = np.array(LEFT_LANDMARKS[artery], float)
        points, radius = rows[:, :3].copy(), rows[:, 3] * np.clip(rng.normal(1, 0.12), 0.8, 1.3)
        if side == "R":
            points[:, 0] *= -1
        knots = rng.normal(0, 0.8, (len(points), 3))
        wander = rng.normal(0, 0.6, 3) + 0.5 * (knots + np.roll(knots, 1, axis=0))
        wander[:, 0] *= 0.4 if artery == "ACA" else 1.0  # the A2 segments stay in the interhemispheric fissure
        points += wander
        if artery == "BA":
            points[:, 0] += bow_mm * np.sin(np.linspace(0, np.pi, len(points)))
        if artery == "VA" and side == hypoplastic_va:
            radius *= 0.55
        for end, joint in ((0, _start_joint(artery, side)), (-1, _end_joint(artery, side))):
            if joint:
                points[end] = joints.setdefault(joint, points[end].copy())
        curves[artery, side] = Curve(to_head(points), radius, STEP_MM)
    return curves


def _start_joint(artery: str, side: str) -> str | None:
    return {"BA": "vertebrobasilar", "PCA": "basilar tip", "MCA": f"{side} terminus", "ACA": f"{side} terminus"}.get(
        artery
    )


def _end_joint(artery: str, side: str) -> str | None:
    return {"BA": "basilar tip", "VA": "vertebrobasilar", "ICA": f"{side} terminus"}.get(artery)
