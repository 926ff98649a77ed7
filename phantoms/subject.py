"""One subject from spec to files: images into the BIDS folder, truth beside it.

What is true, by session (truth/sub-X_ses-Y_*): `transforms.json` (head frame -> each image's world), `landmarks.tsv`
(points in MNI152 and in the T1w's world), `space-ct_arteries` (lumen with wall, numbered as in arteries.py),
`space-ct_calcification` (plaques that fill half a voxel), `space-ct_calcification130` (where the plaque alone, blurred
as the scanner does, reaches 130 HU), `space-FLAIR_{wmh,brain,ventricles,lacunes,infarct}`, `space-swi_microbleeds`.
Tables of the whole cohort: calcifications, vessels, plaques, smallvessel, microbleeds, lacunes, change, sessions. Of
WMH, `wmh_volume_cm3` sums the shares of all voxels, `wmh_mask_cm3` is the mask's: voxels of the FLAIR that WMH half
fill. Every position is RAS mm in the world of the image it is about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from scipy import ndimage

from phantoms import bids, mri
from phantoms.arteries import ARTERY_LABELS
from phantoms.calcium import IEL, INTIMAL, Calcification, apart, draw_calcifications, woodcock_grade
from phantoms.ct import PROTOCOLS, draw_distractors, scan_ct, soft_tissue_hu
from phantoms.geometry import Grid, apply
from phantoms.head import GEOMETRIC, TEMPLATE, Head, make_head
from phantoms.small_vessel import PERIVENTRICULAR_MM, Blob, SmallVessel, draw_small_vessel, with_infarct
from phantoms.spec import SubjectSpec, clinical, stream
from phantoms.wall import WallPlaque, draw_labels, draw_wall_plaque, plaque_truth, reader_changes

FIRST_DAY = date(2021, 1, 11)
GRADED = ("ICA", "MCA", "BA", "VA")


@dataclass
class Record:
    """What one subject adds to the cohort's tables: rows by table name."""

    rows: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    def add(self, table: str, *rows: dict[str, object]) -> None:
        self.rows.setdefault(table, []).extend(rows)


def generate_subject(
    seed: int,
    label: str,
    spec: SubjectSpec,
    out: Path,
    anatomy_of: str = TEMPLATE,
    skull_base: str = GEOMETRIC,
) -> Record:
    """Make a subject's images under out/bids and truth under out/truth; return its rows of the cohort's tables.

    anatomy_of and skull_base: see `phantoms.head.make_head`.
    """
    record = Record()
    if (anatomy_of, skull_base) != (TEMPLATE, GEOMETRIC):
        record.add("heads", {"subject": label, "anatomy": anatomy_of, "skull_base": skull_base})
    record.add("participants", {"participant_id": f"sub-{label}", **clinical(stream(seed, label, "clinical"), spec)})
    rng = stream(seed, label, "anatomy")
    atrophy = float(np.clip((spec.age - 45) / 40 + rng.normal(0, 0.15), 0, 1))
    growth_mm = 0.5 + 2.2 * atrophy + rng.normal(0, 0.3)
    head = make_head(rng, growth_mm, atrophy, spec.hypoplastic_va, anatomy_of, skull_base)
    states = draw_small_vessel(
        stream(seed, label, "small vessel"),
        head,
        spec.wmh_cm3,
        spec.n_lacunes,
        spec.n_microbleeds,
        spec.wmh_growth if spec.followup_years else None,
        spec.new_lacunes,
        spec.new_microbleeds,
    )
    if spec.infarct:
        states = with_infarct(stream(seed, label, "infarct"), head, states)
    walls = _wall_plaques(stream(seed, label, "wall"), head, spec)
    rng = stream(seed, label, "calcium")
    plaques = draw_calcifications(rng, head.curves, spec.calcification, spec.iel_share)
    for ours in _calcium_of_plaques(rng, walls, spec):
        plaques = [p for p in plaques if apart(p, ours, head.curves)] + [ours]
    calcium = draw_distractors(stream(seed, label, "distractors"), head)
    veins = mri.draw_veins(stream(seed, label, "veins"), head) if spec.swi else None
    days = int(stream(seed, label, "dates").integers(0, 700))
    dates = [FIRST_DAY + timedelta(days=days)]
    if spec.followup_years:
        dates.append(dates[0] + timedelta(days=round(365.25 * spec.followup_years)))
    for visit, (state, day) in enumerate(zip(states, dates, strict=True), start=1):
        session = _Session(seed, label, f"{visit:02d}", out, head, record)
        scans = session.scan_brain(state, calcium, veins)
        if visit == 1 and spec.wall_artery:
            session.scan_walls(state, walls, spec.readers)
        if visit == 1 and spec.ct != "none":
            scans["ct"] = day + timedelta(days=spec.ct_days_after_mri)
            session.scan_ct(state, plaques, calcium, spec)
        session.finish(scans, day, plaques, spec, state)
    bids.write_table(
        out / f"bids/sub-{label}/sub-{label}_sessions.tsv",
        [{"session_id": f"ses-{k:02d}", "acq_time": f"{day}T09:00:00"} for k, day in enumerate(dates, start=1)],
    )
    if len(dates) == 2:
        record.add("change", *_change_rows(label, record, (dates[1] - dates[0]).days))
    return record


def _wall_plaques(rng: np.random.Generator, head: Head, spec: SubjectSpec) -> list[WallPlaque]:
    if spec.wall_artery is None:
        return []
    artery, side = spec.wall_artery.split("-")
    return [draw_wall_plaque(rng, head.curves[artery, side], artery, side, spec.symptomatic, spec.stenosis_percent)]


def _calcium_of_plaques(rng: np.random.Generator, walls: list[WallPlaque], spec: SubjectSpec) -> list[Calcification]:
    """Calcium within the stenosing plaques: likelier where the subject has much calcium."""
    chance = {"none": 0.0, "mild": 0.4, "moderate": 0.6, "severe": 0.9}[spec.calcification]
    return [
        Calcification(
            artery=wall.artery,
            side=wall.side,
            at_mm=wall.at_mm,
            angle_deg=wall.angle_deg,
            arc_deg=float(rng.uniform(50, 130)),
            length_mm=float(rng.uniform(2, 5)),
            thickness_mm=float(rng.uniform(0.9, 1.7)),
            hu=float(rng.uniform(450, 900)),
            pattern=INTIMAL,
        )
        for wall in walls
        if rng.random() < chance
    ]


class _Session:
    """One visit: scans the head and writes images and truth."""

    def __init__(self, seed: int, label: str, session: str, out: Path, head: Head, record: Record) -> None:
        self.seed, self.label, self.session, self.head, self.record = seed, label, session, head, record
        self.prefix = f"sub-{label}_ses-{session}"
        self.folder = out / f"bids/sub-{label}/ses-{session}"
        self.readers = out / f"bids/derivatives/readers/sub-{label}/ses-{session}"
        self.truth = out / "truth" / self.prefix
        names = ["T1w", "FLAIR", "swi", "vwi", "vwi_ce"]
        self.poses = mri.session_poses(self.stream("poses"), names)
        self.used: dict[str, list[list[float]]] = {}
        self.key: dict[str, object] = {"subject": label, "session": session}
        self.wmh_mask_cm3 = 0.0

    def stream(self, *names: object) -> np.random.Generator:
        return stream(self.seed, self.label, self.session, *names)

    def _write_image(self, name: str, path: Path, scan: mri.MrScan, **more: object) -> None:
        bids.write_nifti(path, scan.image, scan.grid)
        bids.write_json(path.with_name(path.name.replace(".nii.gz", ".json")), bids.sidecar(name, **more))

    def _truth_map(self, suffix: str, data: np.ndarray, grid: Grid) -> None:
        bids.write_nifti(self.truth.with_name(f"{self.prefix}_{suffix}.nii.gz"), data, grid)

    def scan_brain(self, state: SmallVessel, calcium: list, veins: list[mri.Vein] | None) -> dict[str, date | None]:
        """T1w, FLAIR and (with veins) SWI with their truth; returns the images made (name -> own date or None)."""
        names = ("T1w", "FLAIR") if veins is None else ("T1w", "FLAIR", "swi")
        for name in names:
            rng, contrast, pose = self.stream(name), mri.CONTRASTS[name], self.poses[name]
            signal = mri.tissue_signal(rng, self.head, contrast, state)
            mri.add_lacunes(signal, self.head, contrast, state, rims=name == "FLAIR")
            if name == "swi" and veins is not None:
                mri.add_susceptibility(signal, self.head, state, calcium, veins)
            grid = mri.mr_grid(name, rng, pose)
            ghost = 0.025 if name == "FLAIR" else 0.0
            scan = mri.scan_mr(rng, signal, self.head, grid, pose, contrast.noise, ghost)
            self._write_image(name, self.folder / f"anat/{self.prefix}_{name}.nii.gz", scan)
            self.used[name] = pose.tolist()
            if name == "FLAIR":
                self._flair_truth(grid, pose, state)
            if name == "swi":
                self._blob_truth("microbleeds", state.microbleeds, grid, pose)
            if name == "FLAIR":
                self._blob_truth("lacunes", state.lacunes, grid, pose)
        return dict.fromkeys(names)

    def _flair_truth(self, grid: Grid, pose: np.ndarray, state: SmallVessel) -> None:
        head = self.head

        def on_flair(volume: np.ndarray) -> np.ndarray:
            thickness = grid.voxel_mm[2]
            shifts = np.array([-1.5, -0.5, 0.5, 1.5]) / 4 * thickness
            box = head.box_of(volume > 0) if volume.any() else head.extent_mm
            return sum(head.on_grid(volume, grid, pose, shift, box) for shift in shifts) / len(shifts)

        wmh = on_flair(state.wmh) >= 0.5
        self.wmh_mask_cm3 = float(wmh.sum()) * grid.voxel_mm3 / 1000
        self._truth_map("space-FLAIR_wmh", wmh.astype(np.uint8), grid)
        if state.infarct is not None:
            infarct = on_flair(state.infarct + state.infarct_rim) >= 0.5
            self._truth_map("space-FLAIR_infarct", infarct.astype(np.uint8), grid)
        anatomy = head.anatomy
        brain = on_flair(anatomy.grey + anatomy.white + anatomy.ventricle) >= 0.5
        self._truth_map("space-FLAIR_brain", brain.astype(np.uint8), grid)
        self._truth_map("space-FLAIR_ventricles", (on_flair(anatomy.ventricle) >= 0.5).astype(np.uint8), grid)

    def _blob_truth(self, kind: str, blobs: tuple[Blob, ...], grid: Grid, pose: np.ndarray) -> None:
        labels = np.zeros(grid.shape, np.uint8)
        for number, blob in enumerate(blobs, start=1):
            centre = apply(pose, np.array([blob.centre_mm]))[0]
            middle, reach = grid.to_index(centre[None])[0], np.ceil(max(blob.radii_mm) / grid.voxel_mm).astype(int) + 1
            low, high = np.round(middle).astype(int) - reach, np.round(middle).astype(int) + reach + 1
            if (low < 0).any() or (high > grid.shape).any():
                continue
            voxels = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), -1).reshape(-1, 3)
            points = apply(np.linalg.inv(pose) @ grid.affine, voxels)
            inside = (((points - blob.centre_mm) / blob.radii_mm) ** 2).sum(1) <= 1
            labels[tuple(voxels[inside].T)] = number
            labels[tuple(np.round(middle).astype(int))] = number
            self.record.add(
                kind,
                self.key
                | {"lesion": number, "region": blob.region, "diameter_mm": blob.diameter_mm}
                | {
                    "space": "FLAIR" if kind == "lacunes" else "swi",
                    "x_mm": centre[0],
                    "y_mm": centre[1],
                    "z_mm": centre[2],
                },
            )
        self._truth_map(f"space-{'FLAIR' if kind == 'lacunes' else 'swi'}_{kind}", labels, grid)

    def scan_walls(self, state: SmallVessel, walls: list[WallPlaque], readers: bool) -> None:
        """Vessel-wall MRI before and after contrast agent, readers' contours, plaque truth."""
        rng, head = self.stream("vwi"), self.head
        signal = mri.tissue_signal(rng, head, mri.CONTRASTS["vwi"], state)
        middles = [head.curves[wall.key].point_at(wall.at_mm) for wall in walls]
        focus = np.mean(middles, axis=0)
        grid = mri.wall_grid(rng, self.poses["vwi"], focus)
        for name, entity, agent in (("vwi", "", False), ("vwi_ce", "ce-gadolinium_", True)):
            scan = mri.scan_wall(rng, signal, head, grid, self.poses[name], walls, agent)
            agent_note = {"ContrastBolusIngredient": "GADOLINIUM"} if agent else {}
            self._write_image("vwi", self.folder / f"vwi/{self.prefix}_{entity}vwi.nii.gz", scan, **agent_note)
            self.used[name] = self.poses[name].tolist()
        pose = self.poses["vwi"]
        for number, wall in enumerate(walls, start=1):
            curve = head.curves[wall.key]
            x, y, z = apply(pose, curve.point_at(wall.at_mm)[None])[0]
            place = {"x_mm": x, "y_mm": y, "z_mm": z}
            self.record.add("plaques", self.key | {"lesion": number} | plaque_truth(wall, curve) | place)
            if readers:
                for reader in (1, 2):
                    change = reader_changes(self.stream("reader", reader, number), curve, reader)
                    labels, label_grid = draw_labels(wall, curve, pose, change)
                    name = f"{self.prefix}_desc-reader{reader}_dseg.nii.gz"
                    bids.write_nifti(self.readers / "vwi" / name, labels, label_grid)

    def scan_ct(self, state: SmallVessel, plaques: list[Calcification], calcium: list, spec: SubjectSpec) -> None:
        """CT with its truth; a broken one is cut short after it was written."""
        rng = self.stream("ct")
        protocol = PROTOCOLS["standard" if spec.ct == "broken" else spec.ct]
        soft = soft_tissue_hu(rng, self.head, state, calcium)
        scan = scan_ct(rng, self.head, soft, plaques, protocol, spec.dental_metal)
        path = self.folder / f"ct/{self.prefix}_ct.nii.gz"
        bids.write_nifti(path, scan.hu, scan.grid)
        slices = {"SliceThickness": protocol.thickness_mm, "SpacingBetweenSlices": protocol.increment_mm}
        bids.write_json(path.with_name(f"{self.prefix}_ct.json"), bids.sidecar("ct", **slices, KVP=protocol.kvp))
        if spec.ct == "broken":
            bids.truncate(path)
        self.used["ct"] = scan.pose.tolist()
        self._truth_map("space-ct_arteries", scan.arteries, scan.grid)
        self._truth_map("space-ct_calcification", scan.plaques, scan.grid)
        self._truth_map("space-ct_calcification130", scan.plaques_130, scan.grid)
        self.record.add("calcifications", *(self.key | row for row in scan.rows))
        for (artery, side), curve in self.head.curves.items():
            points = curve.mapped(scan.pose)[::5]
            for k, (point, radius) in enumerate(zip(points, curve.radius_mm[::5], strict=True)):
                place = {"point": k, "x_mm": point[0], "y_mm": point[1], "z_mm": point[2], "radius_mm": radius}
                self.record.add("vessels", self.key | {"artery": artery, "side": side} | place)

    def finish(
        self, scans: dict, day: date, plaques: list[Calcification], spec: SubjectSpec, state: SmallVessel
    ) -> None:
        """scans.tsv, transforms, landmarks, and the session's rows of truth and of readers' ratings."""
        folders = {"ct": "ct", "T1w": "anat", "FLAIR": "anat", "swi": "anat"}
        bids.write_table(
            self.folder / f"{self.prefix}_scans.tsv",
            [
                {"filename": f"{folders[name]}/{self.prefix}_{name}.nii.gz", "acq_time": f"{own or day}T09:00:00"}
                for name, own in sorted(scans.items())
            ],
        )
        bids.write_json(
            self.truth.with_name(f"{self.prefix}_transforms.json"),
            {"description": "4x4 RAS mm: head-frame points -> world points of the image", "head_to": self.used},
        )
        self._landmarks()
        small = self._small_vessel_row(state)
        self.record.add("smallvessel", small)
        grades = {
            artery: max(
                woodcock_grade([p for p in plaques if p.key == key]) for key in ARTERY_LABELS if key[0] == artery
            )
            for artery in GRADED
        }
        group = ("none_or_mild", "none_or_mild", "moderate", "severe")[max(grades.values())]
        truth = {f"woodcock_{artery}": grade for artery, grade in grades.items()} | {"severity_group": group}
        calcium = {"n_iel": sum(p.pattern == IEL for p in plaques), "n_calcifications": len(plaques)}
        self.record.add(
            "sessions", self.key | {"acq_time": str(day), "ct": spec.ct if "ct" in scans else "none"} | truth | calcium
        )
        for reader in ("A", "B"):
            self.record.add("readers", self._rating(reader, grades, small, spec, with_ct="ct" in scans))

    def _landmarks(self) -> None:
        """60 points of the brain in MNI152 and in the T1w's world, to judge the way to the template by."""
        rng = self.stream("landmarks")
        points = rng.uniform([-62, -95, -45], [62, 65, 70], (600, 3))
        placed = self.head.to_head(points)
        brain = self.head.anatomy.grey + self.head.anatomy.white
        points, placed = (p[self.head.sample(brain, placed) > 0.7][:60] for p in (points, placed))
        world = apply(self.poses["T1w"], placed)
        columns = ("mni_x_mm", "mni_y_mm", "mni_z_mm", "x_mm", "y_mm", "z_mm")
        rows = [dict(zip(columns, (*p, *w), strict=True)) for p, w in zip(points, world, strict=True)]
        bids.write_table(self.truth.with_name(f"{self.prefix}_landmarks.tsv"), rows)

    def _small_vessel_row(self, state: SmallVessel) -> dict[str, object]:
        head = self.head
        cm3 = head.grid.voxel_mm3 / 1000
        near = head.to_ventricle_mm <= PERIVENTRICULAR_MM
        brain = head.anatomy.grey + head.anatomy.white
        level = head.grid.affine[2, 3] + head.grid.affine[2, 2] * np.arange(brain.shape[2])
        icv = (head.anatomy.intracranial < 0) & (level > -60)
        total, periventricular = float(state.wmh.sum()) * cm3, float(state.wmh[near].sum()) * cm3
        _, lesions = ndimage.label(state.wmh >= 0.5, np.ones((3, 3, 3)))
        return self.key | {
            "wmh_volume_cm3": total,
            "wmh_periventricular_cm3": periventricular,
            "wmh_deep_cm3": total - periventricular,
            "wmh_mask_cm3": self.wmh_mask_cm3,
            "n_wmh_lesions": lesions,
            "n_microbleeds": len(state.microbleeds),
            "n_lacunes": len(state.lacunes),
            "icv_cm3": float(icv.sum()) * cm3,
            "ventricles_cm3": float(head.anatomy.ventricle.sum()) * cm3,
        }

    def _rating(
        self, reader: str, grades: dict[str, int], small: dict, spec: SubjectSpec, with_ct: bool
    ) -> dict[str, object]:
        """A reader's visual ratings: truth's grade, one step off in 15 % of cases; counts lose some lesions."""
        rng = self.stream("rating", reader)

        def graded(grade: int, top: int = 3) -> int:
            step = int(rng.choice([-1, 0, 1], p=[0.075, 0.85, 0.075]))
            return int(np.clip(grade + step, 0, top))

        periventricular = int(np.searchsorted([0.6, 4.0, 14.0], small["wmh_periventricular_cm3"]))
        deep = int(np.searchsorted([0.3, 3.0, 9.0], small["wmh_deep_cm3"]))
        ratings: dict[str, object] = {
            f"woodcock_{a}": graded(g) if with_ct and spec.ct != "broken" else None for a, g in grades.items()
        }
        bleeds = int(rng.binomial(small["n_microbleeds"], 0.92)) if spec.swi else None
        return (
            {"participant_id": f"sub-{self.label}", "session_id": f"ses-{self.session}", "reader": reader}
            | ratings
            | {
                "fazekas_periventricular": graded(periventricular),
                "fazekas_deep": graded(deep),
                "n_microbleeds": bleeds,
                "n_lacunes": int(rng.binomial(small["n_lacunes"], 0.95)),
            }
        )


def _change_rows(label: str, record: Record, interval_days: int) -> list[dict[str, object]]:
    """Truth of the change from the first to the last visit, one row per measure."""
    first, last = (row for row in record.rows["smallvessel"] if row["subject"] == label)
    rows = []
    for measure in ("wmh_volume_cm3", "wmh_periventricular_cm3", "wmh_deep_cm3", "n_microbleeds", "n_lacunes"):
        change = float(last[measure]) - float(first[measure])  # type: ignore[arg-type]
        rows.append(
            {
                "subject": label,
                "from_session": first["session"],
                "to_session": last["session"],
                "interval_days": interval_days,
                "measure": measure,
                "baseline": first[measure],
                "followup": last[measure],
                "change": change,
                "change_per_year": change / (interval_days / 365.25),
            }
        )
    return rows
