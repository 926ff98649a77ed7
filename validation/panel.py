"""Microbleeds, lacunes and perivascular spaces on simulated heads of other anatomies: docs/spots_accuracy.md.

    python -m training.panel_heads --out build/panel --set "held out"
    python -m validation.panel --heads build/panel --out docs/spots_accuracy.md

The heads of the set "held out" took no part in any fit or choice. Counts of microbleeds and lacunes are those of the
tool's sure spots; probabilities are compared with what was planted. Spaces are counted and graded on T1w and on T2w.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.cohort.agreement import icc, kappa
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.perivascular import PvsDetectSettings, PvsGradeSettings
from angiolith.marks.verdicts import CANDIDATE, SURE
from angiolith.runtime.paths import workflow_root
from angiolith.small_vessel.perivascular.detect import REGIONS, detect_pvs, potter_grade, pvs_measures
from angiolith.small_vessel.probability import probabilities, read_spot_model
from training.fit_spots import DETECT, log_loss, rows_of
from training.panel_heads import read_state, states_of
from training.panel_spaces import inputs_of, planted_in, true_count, voxels_of
from training.panel_spots import COARSER, KINDS

SET = "held out"
CONTRASTS = ("T1w", "T2w")
BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
THIN_MM = 1.5  # spaces narrower than this are the thin ones
Rows = list[dict[str, Any]]
REAL_AND_LIMITS = (
    "## Real scans",
    "",
    "No expert's microbleeds or lacunes were at hand, and no T2* or SWI at all: **nothing is known of microbleeds on "
    "real scans.** Lacunes were looked for in four older adults (T1w 2 mm, FLAIR) and in two people of the public "
    "multiple-sclerosis set (1 mm). A developer looked at all that was found, on both images.",
    "",
    "| scan | sure | candidates | reading |",
    "|---|---|---|---|",
    "| older adult, sub-03 | 1 | 4 | the sure one (9.6 mm, probability 1.00) is a cavity in white matter with a bright "
    "rim on the FLAIR: a lacune. The candidates are single dark voxels or a space's cross-section |",
    "| older adult, sub-06 | 0 | 3 | the fissure between the hemispheres, a sulcus, and a spot beside one. None is "
    "a lacune |",
    "| older adult, sub-09 | 0 | 7 | single dark voxels of brainstem and cortex, two midline gaps between the lateral "
    "ventricles. None is a lacune |",
    "| older adult, sub-12 | 0 | 4 | single dark voxels in the pons and at its edge, one sulcus. None is a lacune |",
    "| ms_patient07, ms_patient26 | 0 | 0 | no lacune was seen |",
    "",
    "The one counted is right. Whether a lacune was missed was not searched for. **The probabilities are too high "
    "on these "
    "scans**: six of the eighteen candidates have 0.9 or more, and none is a lacune. They are candidates since the "
    "voxels do not resolve them.",
    "",
    "## Limits",
    "",
    "- Probabilities are calibrated for the generator's heads: what mimics a spot there are veins, noise, iron, sulci "
    "and perivascular spaces.",
    "- Two states of a head share its anatomy. Intervals that take this into account would be wider.",
    "- Grades of perivascular spaces on T1w do not reach an unweighted kappa of 0.8 (basal ganglia far from it). "
    "On T2w "
    "they do over both regions, and the centrum semiovale alone does not.",
)


def space_rows(path: Path) -> Rows:
    """Spaces of one state: a row per contrast and region."""
    state, settings, grades = read_state(path), PvsDetectSettings(), PvsGradeSettings()
    rows = []
    for contrast in CONTRASTS:
        image, tissues, excluded = inputs_of(state, contrast)
        table, labels, regions = detect_pvs(image, tissues, excluded, settings, LacuneDetectSettings())
        measures = pvs_measures(labels, table, image, settings, grades)
        spaces = planted_in(state, contrast)
        near = np.zeros(labels.shape, bool)
        for space in (space for own in spaces.values() for space in own):
            near[tuple(voxels_of(space, image).T)] = True
        near = ndimage.binary_dilation(near, iterations=2)
        for name in REGIONS:
            own = table.loc[table["region"] == name, "pvs"]
            hit = [bool(labels[tuple(voxels_of(space, image).T)].any()) for space in spaces[name]]
            thin = [one for one, space in zip(hit, spaces[name], strict=True) if 2 * space.radius_mm < THIN_MM]
            count = true_count(spaces[name], regions.middle_mm, settings)
            rows.append(
                {"head": state.head, "state": path.stem, "contrast": contrast, "region": name}
                | {"planted": len(hit), "hit": sum(hit), "thin": len(thin), "thin_hit": sum(thin)}
                | {"found": len(own), "true": sum(bool(near[labels == number].any()) for number in own)}
                | {"count": count, "count_found": measures[f"pvs_{name}_count"]}
                | {"grade": potter_grade(count, grades), "grade_found": measures[f"pvs_{name}_grade"]}
            )
    return rows


def spaces_of(paths: list[Path], kept: Path) -> pd.DataFrame:
    """The rows of all states; kept, so that a run that was cut goes on."""
    tables = []
    for path in paths:
        file = kept / f"spaces_{path.stem}.tsv"
        if not file.is_file():
            pd.DataFrame(space_rows(path)).to_csv(file, sep="\t", index=False)
            print(file.name, flush=True)
        tables.append(pd.read_csv(file, sep="\t", dtype={"head": str}))
    return pd.concat(tables, ignore_index=True)


def judged(kind: str, folder: Path, paths: list[Path], kept: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every spot with its probability and certainty, and the counts of every scan."""
    settings = DETECT[kind]
    rows = rows_of(folder, SET, kind, kept)
    rows["probability"] = probabilities(rows, read_spot_model(workflow_root() / f"resources/spot_models/{kind}.json"))
    sure = rows["probability"] >= settings.sure_probability_min
    if kind == "lacunes":
        sure &= rows["voxels_across"] >= LacuneDetectSettings().sure_voxels_min
    listed = rows["probability"] >= settings.candidate_probability_min
    rows["certainty"] = np.where(sure, SURE, np.where(listed, CANDIDATE, ""))
    counts = []
    for path in paths:
        planted = len(getattr(read_state(path), kind))
        for voxels in COARSER if kind == "lacunes" else ("",):
            own = rows[(rows["state"] == path.stem) & (rows["voxels"].astype(object).fillna("") == voxels)]
            of = {name: own[own["certainty"] == name] for name in (SURE, CANDIDATE)}
            counts.append(
                {"head": path.stem.split("_")[0], "state": path.stem, "voxels": voxels, "planted": planted}
                | {"sure": len(of[SURE]), "sure_right": int(of[SURE]["true"].sum())}
                | {"candidates": len(of[CANDIDATE]), "candidates_right": int(of[CANDIDATE]["true"].sum())}
            )
    return rows, pd.DataFrame(counts)


def shown(found: Mapping[str, object]) -> str:
    """An agreement coefficient with its 95 % interval."""
    if "estimate" not in found:
        return str(found["note"])
    return "{estimate:.2f} ({ci_low:.2f} to {ci_high:.2f})".format(**found)


def reliability(rows: pd.DataFrame) -> list[str]:
    """A Markdown table: spots by probability, mean probability, fraction that was planted."""
    lines = ["| probability | spots | mean probability | planted, fraction |", "|---|---|---|---|"]
    bins = pd.cut(rows["probability"], list(BINS), include_lowest=True)
    for span, part in rows.groupby(bins, observed=False):
        if len(part):
            lines.append(
                f"| {max(0.0, span.left):.1f} to {span.right:.1f} | {len(part)} | {part['probability'].mean():.2f} "
                f"| {part['true'].mean():.2f} |"
            )
    return lines


def spots_section(kind: str, rows: pd.DataFrame, counts: pd.DataFrame) -> list[str]:
    """Lines of the page on one kind of spot."""
    true, probability = rows["true"].to_numpy(bool), rows["probability"].to_numpy()
    brier, base = float(((probability - true) ** 2).mean()), float(true.mean() * (1 - true.mean()))
    lines = ["", f"## {kind.capitalize()}", ""]
    lines += ["| T1w | scans " if kind == "lacunes" else "| scans "]
    lines[-1] += (
        "| planted | sure | of these planted | candidates | of these planted | sensitivity | PPV | ICC of counts |"
    )
    lines.append("|---" * (lines[-1].count("|") - 1) + "|")
    for voxels, part in counts.groupby("voxels"):
        total = part[["planted", "sure", "sure_right", "candidates", "candidates_right"]].sum()
        first, agreed = f"| {voxels} " if voxels else "", shown(icc(part[["planted", "sure"]]))
        lines.append(
            f"{first}| {len(part)} | {total.planted} | {total.sure} | {total.sure_right} | {total.candidates} "
            f"| {total.candidates_right} | {total.sure_right / total.planted:.2f} "
            f"| {total.sure_right / max(1, total.sure):.2f} | {agreed} |"
        )
    lines += ["", f"Calibration of {len(rows)} spots:", "", *reliability(rows), ""]
    lines.append(
        f"Brier score {brier:.3f} (always the mean fraction: {base:.3f}), log loss {log_loss(true, probability):.3f}. "
        f"Sum of the probabilities {probability.sum():.0f}, planted among them {true.sum()}."
    )
    return lines


def spaces_section(table: pd.DataFrame) -> list[str]:
    """Lines of the page on perivascular spaces."""
    lines = ["", "## Perivascular spaces", ""]
    lines += ["| image | region | planted | hit | thin ones hit | found | of these planted | grades the same |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for (contrast, region), part in table.groupby(["contrast", "region"]):
        total = part[["planted", "hit", "thin", "thin_hit", "found", "true"]].sum()
        same = int((part["grade"] == part["grade_found"]).sum())
        lines.append(
            f"| {contrast} | {region.replace('_', ' ')} | {total.planted} | {total.hit} "
            f"| {total.thin_hit} of {total.thin} | {total.found} | {total.true} | {same} of {len(part)} |"
        )
    lines += ["", "| image | region | kappa of grades | quadratically weighted | ICC of counts in the fullest slab |"]
    lines += ["|---|---|---|---|---|"]
    groups = [(c, r, table[(table["contrast"] == c) & (table["region"] == r)]) for c in CONTRASTS for r in REGIONS]
    groups += [(c, "both", table[table["contrast"] == c]) for c in CONTRASTS]
    for contrast, region, part in groups:
        plain, weighted = (shown(kappa(part["grade"], part["grade_found"], each)) for each in (False, True))
        counts = shown(icc(part[["count", "count_found"]]))
        lines.append(f"| {contrast} | {region.replace('_', ' ')} | {plain} | {weighted} | {counts} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=Path, required=True)
    parser.add_argument("--kept", type=Path, default=Path("build/panel_rows"), help="rows that were found already")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    paths = states_of(given.heads, SET)
    numbers = sorted({path.stem.split("_")[0] for path in paths})
    lines = [
        "# Microbleeds, lacunes and perivascular spaces on simulated heads",
        "",
        f"Measured {date.today()} by `python -m validation.panel`: {len(paths)} scanned states of {len(numbers)} "
        "heads of the model of anatomy (`resources/anatomy_model`), which took no part in any fit or choice. T1w and "
        "T2w have voxels of 1 mm, the FLAIR 4 to 5 mm slices, the SWI 2 mm. The brain networks and the registration to "
        "the template ran on each head's T1w. The transforms between a head's images are the true ones. For "
        "perivascular spaces, WMH and lacunes were masked out as they were drawn. In brackets: 95 % intervals, the "
        "states taken as independent.",
    ]
    for kind in KINDS:
        lines += spots_section(kind, *judged(kind, given.heads, paths, given.kept))
    lines += spaces_section(spaces_of(paths, given.kept))
    lines += ["", *REAL_AND_LIMITS]
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
