"""Randomised FLAIRs of digital heads, to fit the learned step of WMH on: no two alike, none like a given scanner's.

In the manner of SynthSeg (Billot 2023): the label maps of a head are given random grey levels, texture, shading, blur,
noise, slices and field of view, so that what is learned holds for any contrast in which CSF is dark and WMH are bright.
The template's priors, which the workflow finds by registration, are laid on with random errors of the size seen there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
from scipy import ndimage

from angiolith.brain.mni152 import mni152_map
from angiolith.brain.template import BRAIN_LEVEL
from angiolith.core.images import Image, bounding_box
from angiolith.small_vessel.tissues import template_prior
from phantoms.anatomy import standard_head
from phantoms.geometry import Grid, apply, oriented_grid, random_pose, smooth_noise, smooth_step
from phantoms.head import Head, make_head
from phantoms.mri import BRAIN_CENTRE
from training.lesions import draw_wmh, punctate, scattered

PLEXUS_MNI_MM = ((24.0, -38.0, 8.0), (18.0, -26.0, 18.0), (33.0, -24.0, -12.0))  # atrium, body, temporal horn
HORNS_MNI_MM = ((15.0, 32.0, 5.0), (29.0, -50.0, 12.0), (20.0, 12.0, 22.0))  # frontal and occipital horn, body
LIMBIC_MNI_MM = ((24.0, -6.0, -20.0), (28.0, -24.0, -12.0), (38.0, 2.0, -4.0))  # amygdala, hippocampus, insula
WMH_CONTRAST = (0.25, 1.1)  # level of WMH above white matter, as a share of its contrast to CSF
MOTTLE = 0.08  # largest SD of white matter's slow texture, as such a share: on four real scans 0.04 to 0.08 at 6 mm
FIELD_MM = (168.0, 206.0, 160.0)  # the brain and some of what is around it


@dataclass(frozen=True)
class Scan:
    """A FLAIR with its brain mask, priors (wm, gm, ventricles) and true WMH mask, all on its grid; what was drawn.

    pose: 4 x 4 from the head to the scanner, RAS mm.
    """

    flair: Image
    brain: np.ndarray
    priors: dict[str, np.ndarray]
    truth: np.ndarray
    pose: np.ndarray
    recipe: dict[str, float]


@dataclass(frozen=True)
class State:
    """A head with its WMH (share per voxel) and their signal in one contrast, on the head's grid; what was drawn.

    varied: whether more of what real scans show is drawn, as for the model's fit, in its scans too.
    """

    head: Head
    wmh: np.ndarray
    signal: np.ndarray
    recipe: dict[str, float]
    varied: bool = False


def draw_head(rng: np.random.Generator) -> Head:
    """A head of any age between 25 and 90, atrophy and ventricles as the demo draws them; cut to what is in the skull.

    `displacement` then leads from voxels of the part to voxels of the whole standard head.
    """
    atrophy = float(rng.uniform(0, 1))
    head = make_head(rng, float(np.clip(2.4 * atrophy + rng.normal(0, 0.5), -0.5, 4)), atrophy, None)
    near = head.anatomy.intracranial < 6.0
    near[:, :, : int(head.grid.to_index(np.array([[0.0, 0.0, -72.0]]))[0, 2])] = False
    box = bounding_box(near, margin=1)
    low = np.array([s.start for s in box])
    affine = head.grid.affine.copy()
    affine[:3, 3] = apply(affine, low[None])[0]
    grid = Grid(head.csf[box].shape, affine)
    volumes = {f.name: getattr(head.anatomy, f.name)[box] for f in fields(head.anatomy) if f.name != "grid"}
    return replace(
        head,
        anatomy=replace(head.anatomy, grid=grid, **volumes),
        **{name: getattr(head, name)[box] for name in ("csf", "to_ventricle_mm", "artery_share")},
        displacement=head.displacement[(slice(None), *box)] + low.astype(np.float32)[:, None, None, None],
        shares={name: share[box] for name, share in head.shares.items()},
    )


def draw_scan(rng: np.random.Generator, head: Head) -> Scan:
    """One FLAIR of the head with a random load of WMH, contrast, artefacts and grid."""
    thickness_mm = float(np.exp(rng.uniform(np.log(1.0), np.log(8.0))))
    load_cm3 = float(np.exp(rng.uniform(np.log(0.3), np.log(120))))
    return scan_of(rng, draw_state(rng, head, load_cm3, varied=True), thickness_mm)


def draw_state(
    rng: np.random.Generator, head: Head, load_cm3: float, keep_load: bool = False, varied: bool = False
) -> State:
    """WMH of the head about and beyond the load, and its signal in a random contrast.

    keep_load: lesions scattered anywhere are added only where they do not double the load; varied: with many small ones
    and borders of any softness.
    """
    wmh, more = draw_wmh(rng, head, load_cm3), scattered(rng, head)
    both = np.maximum(wmh, more)
    if not keep_load or both.sum() * head.grid.voxel_mm3 / 1000 < 2 * load_cm3:
        wmh = both
    if varied:
        soft = ndimage.gaussian_filter(wmh, float(rng.uniform(0, 1.2)))
        wmh = np.maximum(soft * np.clip(2 * head.anatomy.white, 0, 1), punctate(rng, head))
    recipe = {"wmh_cm3": float(wmh.sum()) * head.grid.voxel_mm3 / 1000}
    signal = tissue_levels(rng, head, wmh, recipe, varied)
    if varied:
        signal = add_bright_structures(rng, head, signal, wmh, recipe)
    return State(head, wmh, signal, recipe, varied)


def draw_change(rng: np.random.Generator, head: Head, load_cm3: float) -> tuple[State, State]:
    """Two states of the head, alike but for up to 30 lesions that only the first has and as many that the second has.

    Each visit's may lie on or beside what both have: lesions that are new, gone, larger and smaller.
    """
    both = draw_wmh(rng, head, load_cm3)
    loads = [np.maximum(both, scattered(rng, head)) for _ in range(2)]
    seed = int(rng.integers(2**32))  # of one contrast
    states = []
    for wmh in loads:
        recipe = {"wmh_cm3": float(wmh.sum()) * head.grid.voxel_mm3 / 1000}
        states.append(State(head, wmh, tissue_levels(np.random.default_rng(seed), head, wmh, recipe), recipe))
    return states[0], states[1]


def scan_of(rng: np.random.Generator, state: State, thickness_mm: float, extracted: bool | None = None) -> Scan:
    """One scan of a state of a head: pose, slices, shading, blur, noise, errors of the priors, all drawn anew.

    extracted: whether all but the brain was taken away, as some tool would; None: one time in two. Of a varied state
    noise is as grainy as on resampled images, and some shading is such that N4 cannot follow.
    """
    head, recipe = state.head, state.recipe | {"slice_mm": thickness_mm}
    pose = random_pose(rng, 4.0, 4.0)
    grid = slices(rng, thickness_mm, pose)
    steps = max(1, round(grid.voxel_mm[2] / 1.5))
    shifts = ((np.arange(steps) + 0.5) / steps - 0.5) * grid.voxel_mm[2]

    def scanned(volume: np.ndarray) -> np.ndarray:
        return np.mean([head.on_grid(volume, grid, pose, shift) for shift in shifts], axis=0)

    maps = {name: scanned(volume) for name, volume in misplaced_priors(rng, head).items()}
    brain = maps.pop("brain") > 0.5
    image = receive(rng, scanned(state.signal), grid, recipe, state.varied)
    half = rng.random() < 0.5
    if half if extracted is None else extracted:  # the true brain, a little too large or too small
        inside = smooth_step(head.anatomy.intracranial + float(rng.uniform(-2.0, 2.5)), 1.0).astype(np.float32)
        own = scanned(inside * (1 - 0.5 * head.csf)) > 0.5
        image, recipe["extracted"] = np.where(own, image, 0), 1.0
        brain &= own
    return Scan(Image(image.astype(np.float32), grid.affine), brain, maps, scanned(state.wmh) >= 0.5, pose, recipe)


def tissue_levels(
    rng: np.random.Generator, head: Head, wmh: np.ndarray, recipe: dict[str, float], varied: bool = False
) -> np.ndarray:
    """Signal on the head grid; normal white matter is 1. Adds the levels drawn to `recipe`.

    Cortex differs from place to place (limbic cortex is brighter), white matter is mottled, bright along the ventricles
    (ependyma, caps) and in broad faint bands, as it is in people without lesions; lesions differ among themselves.
    varied: contrast of WMH and texture of white matter as on real scans (`WMH_CONTRAST`, `MOTTLE`).
    """
    grid, to_ventricle = head.grid, head.to_ventricle_mm
    if varied:
        csf = float(rng.uniform(0.05, 0.5))
        contrast = 1 - csf
        grey = 1 + contrast * float(rng.uniform(0.03, 0.55))
        bright = 1 + contrast * float(np.exp(rng.uniform(*np.log(WMH_CONTRAST))))
        mottle_sd = contrast * float(rng.uniform(0, MOTTLE))
    else:
        grey, csf = float(rng.uniform(1.03, 1.45)), float(rng.uniform(0.05, 0.5))
        bright = max(grey + float(rng.uniform(-0.03, 0.3)), 1 + float(rng.uniform(0.25, 0.9)))
        mottle_sd = float(rng.uniform(0, 0.05))
    recipe |= {"gm": grey, "csf": csf, "wmh": bright, "mottle": mottle_sd}
    levels = {"white": 1.0, "grey": grey, "csf": csf, "air": 0.02, "compact": float(rng.uniform(0.02, 0.3))}
    levels |= {name: float(rng.uniform(0.2, 1.6)) for name in ("muscle", "fat", "marrow", "blood")}
    signal = sum(np.float32(levels[name]) * share for name, share in head.shares.items())
    signal += head.shares["grey"] * np.float32(rng.uniform(0, 0.12)) * smooth_noise(rng, grid, 14.0)
    white = head.shares["white"]
    rise = np.float32(bright - 1)
    halo = np.float32(rng.uniform(0, 0.6)) * np.exp(-to_ventricle / np.float32(rng.uniform(0.8, 2.0)))
    bands = np.float32(rng.uniform(0, 0.35)) * np.clip(smooth_noise(rng, grid, 14.0) - 1, 0, 1)
    mottle = sum(smooth_noise(rng, grid, scale) for scale in (3.0, 8.0, 20.0)) / np.float32(3**0.5)
    signal += white * (rise * np.maximum(halo, bands) + np.float32(recipe["mottle"]) * mottle)
    unlike = np.clip(1 + rng.uniform(0, 0.3) * smooth_noise(rng, grid, 9.0), 0.45, 1.6)
    signal += wmh * (1 + rise * unlike.astype(np.float32) - signal)
    flow = np.clip(smooth_noise(rng, grid, 8.0) - 1.2, 0, 1) * np.float32(rng.uniform(0, 0.8))  # CSF that moves
    return (signal + head.shares["csf"] * flow).astype(np.float32)


def add_bright_structures(
    rng: np.random.Generator, head: Head, signal: np.ndarray, wmh: np.ndarray, recipe: dict[str, float]
) -> np.ndarray:
    """The signal with what is bright on FLAIR in everyone: the ventricles' caps, limbic grey matter, choroid plexus."""
    rise = recipe["wmh"] - 1
    limbic = np.float32(rng.uniform(0, 0.4) * rise) * about(head, LIMBIC_MNI_MM, 10.0)
    caps = np.float32(rng.uniform(0, 0.5) * rise) * about(head, HORNS_MNI_MM, float(rng.uniform(6, 12)))
    caps *= np.exp(-head.to_ventricle_mm / np.float32(rng.uniform(2, 5)))
    signal = signal + head.shares["grey"] * limbic + head.shares["white"] * (1 - wmh) * caps
    level = np.float32(rng.uniform(0.7, 1 + 1.2 * rise))
    lumps = np.clip(rng.uniform(-0.5, 2.0) + smooth_noise(rng, head.grid, 4.0), 0, 1) * head.anatomy.ventricle
    plexus = lumps * np.clip(2 * about(head, PLEXUS_MNI_MM, float(rng.uniform(4, 10))), 0, 1)
    return (signal + plexus * np.maximum(level - signal, 0)).astype(np.float32)


def about(head: Head, points_mni_mm: tuple[tuple[float, float, float], ...], sigma_mm: float) -> np.ndarray:
    """Volume on the head's grid that falls off from 1, as a Gaussian, about points of the right and their mirrored."""
    sides = np.array(points_mni_mm)[None] * np.array([[[1.0, 1.0, 1.0]], [[-1.0, 1.0, 1.0]]])
    found = np.zeros(head.grid.shape, np.float32)
    for point in head.to_head(sides.reshape(-1, 3)):
        x, y, z = (
            np.exp(-(((axis.ravel() - mm) / sigma_mm) ** 2) / 2, dtype=np.float32)
            for axis, mm in zip(head.grid.axes_mm(), point, strict=True)
        )
        found = np.maximum(found, x[:, None, None] * y[:, None] * z)
    return found


def misplaced_priors(rng: np.random.Generator, head: Head) -> dict[str, np.ndarray]:
    """The template's maps on the head grid, as a registration that errs by 1-3 mm would lay them."""
    grid, shape = head.grid, head.grid.shape
    error_mm = float(rng.uniform(0.8, 2.5))
    wrong = np.stack([error_mm * (0.8 * smooth_noise(rng, grid, 30.0) + 0.4 * rng.standard_normal()) for _ in range(3)])
    coordinates = head.displacement + wrong + np.indices(shape, np.float32)
    return {
        name: ndimage.map_coordinates(volume, coordinates, order=1, output=np.float32)
        for name, volume in _standard_maps().items()
    }


@lru_cache(maxsize=1)
def _standard_maps() -> dict[str, np.ndarray]:
    """The template's priors and brain on the standard head's grid (both are 1 mm grids in MNI152 space)."""
    grid = standard_head().grid
    images = {name: template_prior(name) for name in ("wm", "gm", "ventricles")}
    t1 = mni152_map("t1")
    images["brain"] = t1.with_data((t1.data > BRAIN_LEVEL).astype(np.float32))
    found = {}
    for name, image in images.items():
        offset = apply(np.linalg.inv(image.affine), grid.affine[:3, 3][None])[0]
        matrix = (np.linalg.inv(image.affine) @ grid.affine)[:3, :3]
        found[name] = ndimage.affine_transform(image.data, matrix, offset, grid.shape, np.float32, order=1)
    return found


def slices(rng: np.random.Generator, thickness_mm: float, pose: np.ndarray) -> Grid:
    """A grid of axial slices, tilted a little; thin ones (under 1.8 mm) may be sagittal and nearly cubic."""
    plane = float(rng.uniform(max(0.7, 0.55 * min(thickness_mm, 2.0)), 1.25))
    centre = apply(pose, BRAIN_CENTRE)[0] + np.array([0, 0, 8.0])
    if thickness_mm < 1.8 and rng.random() < 0.5:
        steps, axes, field = (plane, plane, thickness_mm), "PSR", [FIELD_MM[1], FIELD_MM[2], FIELD_MM[0]]
        tilt = rng.uniform(-3, 3, 3)
    else:
        steps, axes, field = (plane, plane, thickness_mm), "LAS", list(FIELD_MM)
        tilt = np.array([rng.uniform(-14, 4), *rng.uniform(-3, 3, 2)])
    shape = tuple(int(np.ceil(length / step)) for length, step in zip(field, steps, strict=True))
    return oriented_grid(shape, steps, axes, centre, tilt)


def receive(
    rng: np.random.Generator, image: np.ndarray, grid: Grid, recipe: dict[str, float], varied: bool
) -> np.ndarray:
    """What the scanner adds: blur in the plane, shading, a ghost, Rician noise; in arbitrary units."""
    recipe |= {"noise": float(np.exp(rng.uniform(np.log(0.008), np.log(0.08)))), "ghost": float(rng.uniform(0, 0.04))}
    blur = float(rng.uniform(0, 0.7))
    image = ndimage.gaussian_filter(image, [blur, blur, 0])
    image = image * np.exp(np.float32(rng.uniform(0.02, 0.2)) * smooth_noise(rng, grid, 80.0))
    image = image + np.float32(recipe["ghost"]) * np.roll(image, image.shape[1] // 2, axis=1)
    noise = rng.standard_normal((2, *image.shape), dtype=np.float32)
    if varied:
        image = image * np.exp(np.float32(rng.uniform(0, 0.05)) * smooth_noise(rng, grid, 45.0))
        grain = float(rng.uniform(0, 0.9)) if rng.random() < 0.5 else 0.0
        noise = ndimage.gaussian_filter(noise, [0, grain, grain, grain])
        noise /= noise.std()
    noise *= np.float32(recipe["noise"])
    return np.hypot(image + noise[0], noise[1]) * np.float32(rng.uniform(50, 2000))
