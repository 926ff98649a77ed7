"""Simulated heads of other anatomies with microbleeds, lacunes and perivascular spaces, and the tool's brain of each.

    python -m training.panel_heads --out build/panel --set development

A head of the model of anatomy (`phantoms.shape_model`) is scanned in several states: T1w, T2w (1 mm), FLAIR (4 to 5 mm)
and SWI (2 mm). Spots, spaces, WMH, noise and shading differ between the states; anatomy, poses and grids are one. The
brain networks and the registration to the template run on the T1w of the first state, as in the workflow. The ways
between the images of a state are the true ones. `training.fit_spots` and `validation.panel` read what is kept.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from angiolith.brain.network import read_brain_model
from angiolith.brain.segment import TISSUES, segment_brain
from angiolith.brain.template import register_to_template
from angiolith.core.images import Image, linear_transform, read_transform, write_transform
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.perivascular import PvsDetectSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.tables import FAILED
from angiolith.runtime.paths import workflow_root
from angiolith.small_vessel.perivascular.detect import REGIONS, regions_of
from angiolith.small_vessel.tissues import onto, template_prior
from phantoms import mri
from phantoms.ct import draw_distractors
from phantoms.geometry import Grid, apply
from phantoms.head import MODEL, Head, make_head
from phantoms.perivascular import Tube, draw_tubes
from phantoms.small_vessel import SmallVessel, draw_small_vessel
from phantoms.spec import stream

# numbers of the heads, states of each, and whether the loads of spaces are even over the states (else drawn)
SETS = {"development": (range(100, 107), 2, False), "held out": (range(900, 908), 2, True)}
SEED = 2612  # neither the demo's nor that of another training or validation
LOADS = ((0, 0), (10, 12), (30, 35), (60, 80), (110, 160))  # spaces in the basal ganglia, in the centrum semiovale
N_MICROBLEEDS, N_LACUNES = 14, 9  # most of a state
WMH_CM3 = (0.5, 30.0)
AGES = (50.0, 88.0)
T2W = mri.Contrast(grey=430, white=330, csf=1200, wmh=520, muscle=180, fat=420, marrow=300, blood=60, noise=22)
CONTRASTS = {**{name: mri.CONTRASTS[name] for name in ("T1w", "FLAIR", "swi")}, "T2w": T2W}
DEEP_GREY_MIN = 0.3  # of the template's map, carried onto the head
APART_MM = 4.0  # least distance of a space from a lacune's edge


@dataclass(frozen=True)
class State:
    """One scanned state, read back: images by name, tissues and brain on the T1w's grid, and what is true.

    poses: head frame -> world of each image. microbleeds, lacunes: centre (head frame, mm) and diameter. tubes: by
    region, with the head frame's grid. calcium: balls (centre, radius, HU) in the head frame.
    """

    head: str
    name: str
    images: dict[str, Image]
    brain: np.ndarray
    tissues: np.ndarray
    to_template: sitk.Transform
    poses: dict[str, np.ndarray]
    wmh: Image
    microbleeds: list[dict[str, float]]
    lacunes: list[dict[str, float]]
    tubes: dict[str, list[Tube]]
    frame: Grid
    calcium: list[list[float]]

    def to_t1w(self, name: str) -> sitk.Transform:
        """From points of an image to points of the T1w."""
        return linear_transform(self.poses["T1w"] @ np.linalg.inv(self.poses[name]))

    def brain_on(self, name: str) -> np.ndarray:
        """The brain mask on the grid of an image."""
        from angiolith.core.images import resample

        mask = self.images["T1w"].with_data(self.brain.astype(np.float32))
        return resample(mask, self.images[name], self.to_t1w(name)).data > 0.5

    def priors_on(self, name: str, brain: np.ndarray, *names: str) -> dict[str, np.ndarray]:
        """The template's maps on the grid of an image, within its brain."""
        way = sitk.CompositeTransform([self.to_template, self.to_t1w(name)])
        return dict(zip(names, onto([template_prior(n) for n in names], self.images[name], way, brain), strict=True))


def true_tissues(head: Head) -> Image:
    """The head's own tissues as a map of TISSUES on its frame's grid; deep grey by the template's map, carried."""
    anatomy = head.anatomy
    deep = template_prior("deep_grey")
    index = np.indices(head.grid.shape, np.float32) + head.displacement
    from phantoms.head import standard_head

    to_deep = np.linalg.inv(deep.affine) @ standard_head().grid.affine
    at = np.tensordot(to_deep[:3, :3], index, axes=1) + to_deep[:3, 3][:, None, None, None]
    carried = ndimage.map_coordinates(deep.data, at, order=1, output=np.float32)
    found = np.zeros(head.grid.shape, np.uint8)
    found[head.csf > 0.5] = TISSUES["csf"]
    found[anatomy.grey > 0.5] = TISSUES["grey"]
    found[anatomy.white > 0.5] = TISSUES["white"]
    found[(carried > DEEP_GREY_MIN) & (anatomy.grey + anatomy.white > 0.5)] = TISSUES["deep_grey"]
    found[anatomy.ventricle > 0.5] = TISSUES["ventricles"]
    low = head.to_head(np.array([[0.0, -30.0, -20.0]]))[0, 2]
    z = head.grid.axes_mm()[2]
    found[np.broadcast_to(z < low, found.shape) & np.isin(found, [TISSUES["deep_grey"]])] = TISSUES["infratentorial"]
    return Image(found, head.grid.affine)


def _spaces(
    rng: np.random.Generator, head: Head, state: SmallVessel, load: int | None
) -> tuple[np.ndarray, dict[str, list[Tube]]]:
    """Fluid's share of every voxel of the frame, and the tubes by region: outside WMH, away from lacunes.

    load: index of LOADS, None: drawn.
    """
    tissues = true_tissues(head)
    regions = regions_of(tissues.data, tissues, PvsDetectSettings())
    free = state.wmh < 0.1
    for blob in state.lacunes:
        x, y, z = (axis - c for axis, c in zip(head.grid.axes_mm(), blob.centre_mm, strict=True))
        free &= x**2 + y**2 + z**2 > (max(blob.radii_mm) + APART_MM) ** 2
    share, tubes = np.zeros(head.grid.shape, np.float32), {}
    loads = LOADS[rng.integers(len(LOADS)) if load is None else load]
    for name, wanted in zip(REGIONS, loads, strict=True):
        n = round(wanted * rng.uniform(0.7, 1.3))
        own, tubes[name] = draw_tubes(rng, regions.masks[name] & free, head.grid.voxel_mm, name, n)
        share = np.maximum(share, own)
    return share, tubes


def _scans(
    number: int, k: int, head: Head, state: SmallVessel, share: np.ndarray, calcium: list, veins: list[mri.Vein]
) -> dict[str, tuple[mri.MrScan, np.ndarray]]:
    poses = mri.session_poses(stream(SEED, number, "poses"), list(CONTRASTS))
    found = {}
    for name, contrast in CONTRASTS.items():
        rng = stream(SEED, number, k, name)
        signal = mri.tissue_signal(rng, head, contrast, state)
        mri.add_lacunes(signal, head, contrast, state, rims=name == "FLAIR")
        if name == "swi":
            mri.add_susceptibility(signal, head, state, calcium, veins)
        else:
            signal += share * (contrast.csf - signal)
        form = {"T2w": "T1w"}.get(name, name)
        grid = mri.mr_grid(form, stream(SEED, number, name, "grid"), poses[name])
        ghost = 0.025 if name == "FLAIR" else 0.0
        found[name] = (mri.scan_mr(rng, signal, head, grid, poses[name], contrast.noise, ghost), poses[name])
    return found


def make(number: int, states: int, even: bool, out: Path) -> None:
    """Draw, scan and keep one head; a state that is there already is left."""
    paths = [out / f"{number}_{k}.npz" for k in range(states)]
    if all(path.is_file() for path in paths):
        return
    rng = stream(SEED, number, "anatomy")
    age = rng.uniform(*AGES)
    atrophy = float(np.clip((age - 45) / 40 + rng.normal(0, 0.15), 0, 1))
    head = make_head(rng, 0.5 + 2.2 * atrophy + rng.normal(0, 0.3), atrophy, None, MODEL)
    calcium = draw_distractors(stream(SEED, number, "calcium"), head)
    veins = mri.draw_veins(stream(SEED, number, "veins"), head)
    for k, path in enumerate(paths):
        rng = stream(SEED, number, k, "state")
        wmh_cm3 = float(np.exp(rng.uniform(*np.log(WMH_CM3))))
        lacunes, bleeds = int(rng.integers(0, N_LACUNES + 1)), int(rng.integers(0, N_MICROBLEEDS + 1))
        (state,) = draw_small_vessel(rng, head, wmh_cm3, lacunes, bleeds)
        share, tubes = _spaces(rng, head, state, (states * number + k) % len(LOADS) if even else None)
        scans = _scans(number, k, head, state, share, calcium, veins)
        t1w, pose = scans["T1w"]
        if k == 0:
            _brain_of(Image(t1w.image.astype(np.float32), t1w.grid.affine), out / str(number))
        wmh = head.on_grid(state.wmh, t1w.grid, pose) >= 0.5
        truth = {
            "frame": {"shape": head.grid.shape, "affine": head.grid.affine.tolist()},
            "poses": {name: found[1].tolist() for name, found in scans.items()},
            "microbleeds": [asdict(blob) | {"diameter_mm": blob.diameter_mm} for blob in state.microbleeds],
            "lacunes": [asdict(blob) | {"diameter_mm": blob.diameter_mm} for blob in state.lacunes],
            "tubes": {name: [_plain(tube) for tube in found] for name, found in tubes.items()},
            "calcium": [[*map(float, centre), float(radius), float(hu)] for centre, radius, hu in calcium],
        }
        path.with_suffix(".json").write_text(json.dumps(truth))
        grids = {f"{name}_affine": found[0].grid.affine for name, found in scans.items()}
        np.savez(path, **{name: found[0].image for name, found in scans.items()}, **grids, wmh=wmh)
        print(
            path.name,
            age,
            len(state.microbleeds),
            len(state.lacunes),
            {n: len(t) for n, t in tubes.items()},
            flush=True,
        )


def _plain(tube: Tube) -> dict[str, object]:
    return {name: np.asarray(value).tolist() for name, value in vars(tube).items()}


def _brain_of(t1w: Image, stem: Path) -> None:
    """The tool's brain, tissues and way to the template, kept beside the states."""
    if stem.with_suffix(".tfm.nii.gz").is_file():
        return
    model = read_brain_model(workflow_root() / "resources/brain_model", 1)
    found = segment_brain(t1w, False, model, BrainSettings())
    if found.status == FAILED:
        raise ValueError(f"{stem}: {found.reason}")
    way = register_to_template(t1w, found, False, RigidSettings(), TemplateReviewSettings())
    print(stem.name, f"match {way.match:.3f}, overlap {way.overlap:.3f}", way.status, flush=True)
    np.savez_compressed(stem.with_suffix(".brain.npz"), brain=found.brain, tissues=found.tissues)
    write_transform(way.reference_to_template, stem.with_suffix(".tfm.nii.gz"))


def read_state(path: Path) -> State:
    """A kept state (the path of its .npz)."""
    truth = json.loads(path.with_suffix(".json").read_text())
    stem = path.with_name(path.name.split("_")[0])
    with np.load(path) as file, np.load(stem.with_suffix(".brain.npz")) as found:
        images = {name: Image(file[name].astype(np.float32), file[f"{name}_affine"]) for name in CONTRASTS}
        brain, tissues, wmh = found["brain"], found["tissues"], images["T1w"].with_data(file["wmh"])
    frame = Grid(tuple(truth["frame"]["shape"]), np.array(truth["frame"]["affine"]))
    tubes = {
        name: [Tube(np.array(t["middle"]), np.array(t["direction"]), t["length_mm"], t["radius_mm"]) for t in rows]
        for name, rows in truth["tubes"].items()
    }
    return State(
        head=stem.name,
        name=path.stem,
        images=images,
        brain=brain,
        tissues=tissues,
        to_template=read_transform(stem.with_suffix(".tfm.nii.gz")),
        poses={name: np.array(pose) for name, pose in truth["poses"].items()},
        wmh=wmh,
        microbleeds=truth["microbleeds"],
        lacunes=truth["lacunes"],
        tubes=tubes,
        frame=frame,
        calcium=truth["calcium"],
    )


def states_of(folder: Path, which: str) -> list[Path]:
    """The kept states of a set that are there."""
    numbers, states, _ = SETS[which]
    return [path for n in numbers for k in range(states) if (path := folder / f"{n}_{k}.npz").is_file()]


def placed(state: State, name: str, centres: list[list[float]]) -> np.ndarray:
    """Points (n, 3) of the head's frame in the world of an image."""
    return apply(state.poses[name], np.reshape(centres, (-1, 3))) if centres else np.empty((0, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", choices=tuple(SETS), required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    numbers, states, even = SETS[given.set]
    for number in numbers:
        make(number, states, even, given.out)


if __name__ == "__main__":
    main()
