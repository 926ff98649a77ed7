"""Every measure of a run on digital heads beside its truth: `make validate` writes docs/validation.md with it.

    python -m validation.compare --run build/demo --out docs/validation.md

`--run` holds bids/, truth/ and derivatives/. No measure is left out because it looks bad.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.special import gamma

from angiolith.calcification.scoring import kockelkoren
from angiolith.core.config import Config
from angiolith.core.images import map_points, read_transform

KEYS = ["subject", "session"]
HEAD_POINTS_MM = np.random.default_rng(0).uniform((-65, -85, -55), (65, 65, 70), (300, 3))
MATCH_MM = 5.0
TEXT = dict.fromkeys(("subject", "session", "from_session", "to_session"), str)

TEMPLATE_NOTE = (
    "The phantoms' brains are those of MNI152, the template that the pipeline registers to: these figures do not test "
    "the template step."
)
INTRODUCTION = (
    "Written by `make validate` from the demo cohort. Bias is measured minus true; spread is the SD of the differences."
    " Lesions and sessions that could not be measured are counted, not hidden. The digital heads are made by code that "
    f"shares nothing with the code that measures them; they are not patients. {TEMPLATE_NOTE}"
)


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", dtype=TEXT, na_values=["n/a"], keep_default_na=False)


def session_path(root: Path, row: pd.Series, folder: str, suffix: str) -> Path:
    return root / f"sub-{row.subject}/ses-{row.session}/{folder}/sub-{row.subject}_ses-{row.session}_{suffix}"


def mask(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(label array, voxel edges in mm)."""
    file = nib.load(path)
    return np.asarray(file.dataobj), np.array(file.header.get_zooms()[:3], float)


def registration_errors(run: Path, sessions: pd.DataFrame) -> pd.DataFrame:
    """Mean distance, over the head, between where the found and the true transforms take points of the T1w."""
    rows = []
    for _, row in sessions.iterrows():
        truth = json.loads((run / f"truth/sub-{row.subject}_ses-{row.session}_transforms.json").read_text())["head_to"]
        reference = np.array(truth["T1w"])
        fixed = HEAD_POINTS_MM @ reference[:3, :3].T + reference[:3, 3]
        for column, matrix in truth.items():
            path = session_path(
                run / "derivatives", row, "ct" if column == "ct" else "anat", f"from-{column}_to-T1w_mode-image_xfm.tfm"
            )
            if column == "T1w" or not path.exists():
                continue
            made = path.stat().st_size > 0
            expected = HEAD_POINTS_MM @ np.array(matrix)[:3, :3].T + np.array(matrix)[:3, 3]
            error = (
                np.linalg.norm(map_points(read_transform(path), fixed) - expected, axis=1).mean() if made else np.nan
            )
            rows.append({**row[KEYS], "contrast": column, "error_mm": error})
    return pd.DataFrame(rows)


def template_errors(run: Path, sessions: pd.DataFrame) -> pd.DataFrame:
    """Mean distance of the landmarks, T1w to MNI152, from their true place."""
    rows = []
    for _, row in sessions.iterrows():
        points = table(run / f"truth/sub-{row.subject}_ses-{row.session}_landmarks.tsv")
        path = session_path(run / "derivatives", row, "anat", "from-MNI152_to-T1w_mode-image_xfm.nii.gz")
        if path.exists() and path.stat().st_size:
            found = map_points(read_transform(path), points[["x_mm", "y_mm", "z_mm"]].to_numpy())
            error = np.linalg.norm(found - points[["mni_x_mm", "mni_y_mm", "mni_z_mm"]].to_numpy(), axis=1)
            rows.append({**row[KEYS], "error_mm": error.mean()})
    return pd.DataFrame(rows)


def detection(true_points: np.ndarray, found_points: np.ndarray, reach_mm: float) -> list[tuple[int, int]]:
    """Pairs (true, found) of a one-to-one matching of points by distance, none farther apart than `reach_mm`."""
    if not len(true_points) or not len(found_points):
        return []
    distance = np.linalg.norm(true_points[:, None] - found_points[None], axis=2)
    pairs = zip(*linear_sum_assignment(np.where(distance > reach_mm, 1e3, distance)), strict=True)
    return [(i, j) for i, j in pairs if distance[i, j] <= reach_mm]


def rates(hits: int, truth: int, found: int) -> dict[str, float]:
    return {
        "true": truth,
        "found": found,
        "matched": hits,
        "sensitivity": hits / truth if truth else np.nan,
        "ppv": hits / found if found else np.nan,
    }


def around_labels(first: np.ndarray, second: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """All arrays cut to the box that holds what either of the first two labels, with a voxel's margin."""
    box = ndimage.find_objects(((first > 0) | (second > 0)).astype(np.uint8))
    wide = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in (box[0] if box else (slice(0, 1),) * 3))
    return tuple(each[wide] for each in (first, second, *others))


def calcifications(run: Path, sessions: pd.DataFrame, results: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(matched lesions with both values, detection rates by artery); lesions match where their labels overlap.

    Of the true lesions, `counted` are met by a counted mark, `candidate` by marks that wait for a reader alone.
    results: folder of the measured tables and maps; `run`'s own derivatives if None.
    """
    results = results or run / "derivatives"
    truth_table = table(run / "truth/calcifications.tsv")
    pairs, counts = [], []
    for _, row in sessions[sessions.ct.ne("none") & sessions.ct.ne("broken")].iterrows():
        truth_labels, _ = mask(run / f"truth/sub-{row.subject}_ses-{row.session}_space-ct_calcification130.nii.gz")
        found_labels, _ = mask(session_path(results, row, "ct", "space-ct_desc-calcification_dseg.nii.gz"))
        truth = truth_table[(truth_table.subject == row.subject) & (truth_table.session == row.session)]
        found = table(session_path(results, row, "ct", "desc-calcification_lesions.tsv"))
        found = found[found.lesion.notna()]
        truth_labels, found_labels = around_labels(truth_labels, found_labels)
        near = ndimage.grey_dilation(truth_labels, size=(3, 3, 1))  # a voxel of leeway in the plane
        hit_truth, hit_found, hit_sure = set(), set(), set()
        sure = set(found[found.counted.astype(str).eq("True")].lesion.astype(int))
        for _, lesion in found.iterrows():
            under = near[found_labels == int(lesion.lesion)]
            under = under[under > 0]
            if not len(under):
                continue
            hit_found.add(int(lesion.lesion))
            values, sizes = np.unique(under, return_counts=True)
            hit_truth |= set(values.tolist())
            hit_sure |= set(values.tolist()) if int(lesion.lesion) in sure else set()
            true = truth[truth.lesion == values[sizes.argmax()]].iloc[0]
            if len(values) == 1:
                pairs.append(
                    {f"true_{k}": true[k] for k in true.index} | {f"found_{k}": lesion[k] for k in lesion.index}
                )
        for artery in sorted(set(truth.artery) | set(found.artery)):
            of_truth = set(truth[truth.artery == artery].lesion.astype(int))
            of_found = set(found[found.artery == artery].lesion.astype(int))
            counts.append(
                {
                    "artery": artery,
                    "true": len(of_truth),
                    "counted": len(of_truth & hit_sure),
                    "candidate": len(of_truth & hit_truth - hit_sure),
                    "missed": len(of_truth - hit_truth),
                    "false_counted": len(of_found & sure - hit_found),
                    "false_candidates": len(of_found - sure - hit_found),
                    "true_found": len(of_truth & hit_truth),
                    "found": len(of_found),
                    "found_true": len(of_found & hit_found),
                }
            )
    by_artery = pd.DataFrame(counts).groupby("artery").sum()
    by_artery.loc["all"] = by_artery.sum()
    by_artery["sensitivity"] = by_artery.true_found / by_artery.true
    by_artery["ppv"] = by_artery.found_true / by_artery.found
    return pd.DataFrame(pairs), by_artery.reset_index()


def artery_volumes(run: Path, sessions: pd.DataFrame, results: Path | None = None) -> pd.DataFrame:
    """True (at 130 HU) and measured calcium volume of every artery and side of every CT."""
    results = results or run / "derivatives"
    truth = table(run / "truth/calcifications.tsv").groupby([*KEYS, "artery", "side"]).volume_130hu_mm3.sum()
    rows = []
    for _, row in sessions[sessions.ct.ne("none") & sessions.ct.ne("broken")].iterrows():
        for _, artery in table(session_path(results, row, "ct", "desc-calcification_arteries.tsv")).iterrows():
            key = (row.subject, row.session, artery.artery, artery.side)
            rows.append(
                {**row[KEYS], "artery": artery.artery, "side": artery.side}
                | {"true": truth.get(key, 0.0), "measured": artery.volume_mm3}
            )
    return pd.DataFrame(rows)


def dice(run: Path, sessions: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for _, row in sessions.iterrows():
        truth, _ = mask(run / f"truth/sub-{row.subject}_ses-{row.session}_space-FLAIR_wmh.nii.gz")
        path = session_path(run / "derivatives", row, "anat", "space-FLAIR_desc-wmh_mask.nii.gz")
        found = mask(path)[0] > 0 if path.exists() and path.stat().st_size else np.zeros_like(truth, bool)
        value = 2 * (found & (truth > 0)).sum() / max(1, found.sum() + (truth > 0).sum())
        rows.append({**row[KEYS], "dice": value})
    return pd.DataFrame(rows)


def blobs(run: Path, sessions: pd.DataFrame, name: str) -> dict[str, float]:
    """Detection of microbleeds or lacunes over all sessions in which they were looked for."""
    truth_table = table(run / f"truth/{name}.tsv")
    hits = truths = founds = 0
    points = ["x_mm", "y_mm", "z_mm"]
    for _, row in sessions.iterrows():
        path = session_path(run / "derivatives", row, "anat", f"desc-{name}.tsv")
        if not path.exists():
            continue
        truth = truth_table[(truth_table.subject == row.subject) & (truth_table.session == row.session)]
        found = table(path)
        found = found[found[points[0]].notna()] if len(found) else found
        if "kind" in found:  # what was taken for calcium or to lie outside tissue is not counted
            found = found[found.kind == name.removesuffix("s")]
        founds += len(found)
        truths += len(truth)
        if len(found) and len(truth):
            hits += len(detection(truth[points].to_numpy(float), found[points].to_numpy(float), MATCH_MM))
    return rates(hits, truths, founds)


def agreement_line(name: str, true: pd.Series, measured: pd.Series, unit: str) -> dict[str, object]:
    """n, mean truth, bias, spread (SD of the differences), correlation."""
    both = pd.DataFrame({"t": pd.to_numeric(true.to_numpy()), "m": pd.to_numeric(measured.to_numpy())})
    missing = int(both.m.isna().sum())
    both = both.dropna()
    difference = both.m - both.t
    varied = len(both) > 2 and both.t.std() > 0 and both.m.std() > 0
    return {
        "measure": name,
        "unit": unit,
        "n": len(both),
        "not measured": missing,
        "mean truth": both.t.mean(),
        "bias": difference.mean(),
        "spread (SD)": difference.std(),
        "r": np.corrcoef(both.t, both.m)[0, 1] if varied else np.nan,
    }


def markdown(frame: pd.DataFrame) -> str:
    def cell(value: object) -> str:
        if isinstance(value, float):
            return "n/a" if np.isnan(value) else f"{value:.3g}"
        return str(value)

    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "|" + "---|" * len(frame.columns)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def small_vessel_lines(run: Path, sessions: pd.DataFrame) -> Iterator[dict[str, object]]:
    truth = table(run / "truth/smallvessel.tsv")
    found = pd.concat(
        [
            table(session_path(run / "derivatives", row, "anat", "desc-smallvessel_metrics.tsv"))
            for _, row in sessions.iterrows()
        ]
    )
    both = truth.merge(found, on=KEYS, suffixes=("_true", "_found"))
    for name, unit in {
        "wmh_volume_cm3": "cm3",
        "wmh_periventricular_cm3": "cm3",
        "wmh_deep_cm3": "cm3",
        "n_wmh_lesions": "",
        "icv_cm3": "cm3",
        "n_microbleeds": "",
        "n_lacunes": "",
    }.items():
        yield agreement_line(name, both[f"{name}_true"], both[f"{name}_found"], unit)


def plaque_pairs(run: Path) -> pd.DataFrame:
    """Every true plaque beside every reader's row of its session (columns ending in _true and _found)."""
    truth = table(run / "truth/plaques.tsv")
    found = pd.concat(
        [table(path) for path in sorted((run / "derivatives").glob("sub-*/ses-*/vwi/*-plaque_metrics.tsv"))]
    )
    found = found[found.lesion.notna()]
    readers = pd.DataFrame({"reader": found.reader.unique()})
    return truth.merge(readers, how="cross").merge(
        found, on=[*KEYS, "reader"], suffixes=("_true", "_found"), how="left"
    )


def plaque_lines(run: Path) -> Iterator[dict[str, object]]:
    for reader, both in plaque_pairs(run).groupby("reader"):
        for name, unit in {
            "lumen_area_mm2": "mm2",
            "outer_wall_area_mm2": "mm2",
            "wall_area_mm2": "mm2",
            "max_wall_mm": "mm",
            "min_wall_mm": "mm",
            "eccentricity_index": "",
            "remodeling_index": "",
            "stenosis_percent": "%",
            "plaque_length_mm": "mm",
            "enhancement_ratio": "",
        }.items():
            yield agreement_line(f"{name} ({reader})", both[f"{name}_true"], both[f"{name}_found"], unit)


def change_lines(run: Path) -> Iterator[dict[str, object]]:
    truth = table(run / "truth/change.tsv")
    found = pd.concat([table(path) for path in sorted((run / "derivatives").glob("sub-*/*_desc-change_metrics.tsv"))])
    both = truth.merge(found, on=["subject", "measure"], suffixes=("_true", "_found"), how="left")
    for name, rows in both.groupby("measure"):
        if rows.change_found.notna().any():
            yield agreement_line(
                f"change of {name}", rows.change_true, rows.change_found, "cm3" if "cm3" in name else ""
            )


def lesion_lines(pairs: pd.DataFrame) -> Iterator[dict[str, object]]:
    yield agreement_line("volume_mm3 (truth at 130 HU)", pairs.true_volume_130hu_mm3, pairs.found_volume_mm3, "mm3")
    yield agreement_line("volume_mm3 (truth: material)", pairs.true_volume_mm3, pairs.found_volume_mm3, "mm3")
    if "found_volume_half_max_mm3" in pairs:
        half = pairs.found_volume_half_max_mm3
        yield agreement_line("volume_half_max_mm3 (truth: material)", pairs.true_volume_mm3, half, "mm3")
    for name, unit in {
        "mean_hu": "HU",
        "max_hu": "HU",
        "arc_deg": "deg",
        "length_mm": "mm",
        "thickness_mm": "mm",
    }.items():
        yield agreement_line(name, pairs[f"true_{name}"], pairs[f"found_{name}"], unit)


def true_pattern(lesion: pd.Series) -> str:
    """The pattern that a drawn plaque's true values score; its face is a superellipse of the fourth degree."""
    points = Config().calcification.grade.kockelkoren
    filled_share = gamma(1.25) ** 2 / gamma(1.5)
    layer_mm = np.radians(lesion.true_arc_deg) * lesion.true_lumen_radius_mm
    even = layer_mm >= points.layer_width_min * lesion.true_thickness_mm
    even &= filled_share >= points.filled_share_min
    return kockelkoren(lesion.true_arc_deg, lesion.true_length_mm, lesion.true_thickness_mm, bool(even), points)[1]


def report(run: Path) -> str:
    sessions = table(run / "truth/sessions.tsv")
    pairs, by_artery = calcifications(run, sessions)
    registration = registration_errors(run, sessions).groupby("contrast").error_mm
    summary = registration.agg(["size", "count", "mean", "median", "max"]).reset_index()
    summary.columns = ["image to T1w", "sessions", "made", "mean mm", "median mm", "max mm"]
    template = template_errors(run, sessions).error_mm
    volumes = artery_volumes(run, sessions)
    overlap = dice(run, sessions)["dice"]
    patterns = pairs[pairs.found_pattern.isin(["iel", "intimal"])]
    scored = patterns.apply(true_pattern, axis=1) if len(patterns) else patterns.true_pattern
    same, as_drawn = ((kind == patterns.found_pattern).mean() for kind in (scored, patterns.true_pattern))
    marks = pd.DataFrame(
        [{"what": name, **blobs(run, sessions, name)} for name in ("microbleeds", "lacunes")],
    )
    parts = [
        "# Truth and measurement on the digital heads",
        INTRODUCTION,
        "## Registration (mean distance over the head)",
        markdown(summary),
        f"T1w to template, landmarks in the brain: mean {template.mean():.2f} mm, worst session {template.max():.2f} "
        f"mm ({len(template)} sessions).",
        "## Calcification: detection by artery",
        markdown(by_artery),
        "## Calcification: matched lesions",
        markdown(pd.DataFrame(lesion_lines(pairs))),
        f"Pattern (intimal or IEL) agrees with what the true values score in {same:.0%} of {len(patterns)} matched "
        f"lesions that were given one (with the kind that was drawn: {as_drawn:.0%}); "
        f"{len(pairs) - len(patterns)} were given none.",
        "## Calcification: volume per artery and side",
        markdown(pd.DataFrame([agreement_line("volume_mm3", volumes.true, volumes.measured, "mm3")])),
        "## White matter hyperintensities, microbleeds, lacunes",
        f"Dice of the WMH masks: mean {overlap.mean():.2f}, lowest {overlap.min():.2f}, highest {overlap.max():.2f} "
        f"({len(overlap)} sessions).",
        markdown(pd.DataFrame(small_vessel_lines(run, sessions))),
        "Spots found, counted ones and candidates together:",
        markdown(marks),
        "## Plaque",
        markdown(pd.DataFrame(plaque_lines(run))),
        "## Change between visits",
        markdown(pd.DataFrame(change_lines(run))),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    text = report(options.run)
    options.out.write_text(text, encoding="utf-8")
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
