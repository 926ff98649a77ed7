"""Calcification measured on digital heads beside its truth, from CT and T1w alone and with a reader's artery mask.

    python -m validation.calcification --run build/heldout --work build/heldout/measured \
        --out docs/calcification_accuracy.md

`--run` holds bids/ and truth/ of digital heads, `--work` takes transforms and results (what is there is kept).
The jobs are the workflow's own scripts, called in its order.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

from angiolith.arteries.names import LABELS
from angiolith.cohort.agreement import icc, kappa
from angiolith.core.config import Config, plain
from angiolith.core.image_checks import check_file
from angiolith.core.tables import write_json
from scripts import (
    check_registration,
    map_arteries,
    measure_calcification,
    register_ct_to_mri,
    register_mri_to_template,
    segment_calcification,
)
from validation.compare import (
    TEMPLATE_NOTE,
    agreement_line,
    around_labels,
    artery_volumes,
    calcifications,
    markdown,
    mask,
    session_path,
    table,
    true_pattern,
)

BRAIN_MODEL = Path(__file__).parents[1] / "resources/brain_model"
ATLAS = Path(__file__).parents[1] / "resources/artery_atlas/centrelines.tsv"
INTRODUCTION = (
    "Real heads come first: [calcification on real heads](calcification_real_heads.md). What follows: digital ones. "
    "Written by `python -m validation.calcification`. A lesion is found where its voxels at 130 HU and those "
    "of a found lesion meet, one voxel of leeway in the plane. True volumes and HU are those of the calcium alone, "
    "in blood, at 130 HU: where it touches bone they hold more than any reader could tell from bone. True patterns "
    "are the Kockelkoren score of the true arc, length and thickness, by the same points as the measured ones. Digital "
    "heads: no statement about patients. A mark is counted or a candidate that waits for a reader. Of the true "
    "lesions, *candidate* ones are met by candidates alone. Volumes, HU, shapes and patterns are of counted lesions. "
    f"{TEMPLATE_NOTE}"
)
MODES = {"atlas": "Atlas (CT and T1w, no mask, no angiogram)", "mask": "With a reader's artery mask"}


class Files(dict):
    """Snakemake's named files."""

    __getattr__ = dict.__getitem__


def measure_session(run: Path, work: Path, row: pd.Series, modes: list[str]) -> None:
    """Registration once, then the calcification jobs for each mode, into `work`/<mode>."""
    name = f"sub-{row.subject}_ses-{row.session}"
    bids = run / f"bids/sub-{row.subject}/ses-{row.session}"
    settings, wildcards = plain(Config()), SimpleNamespace(subject=row.subject, session=row.session, reference="T1w")
    params = SimpleNamespace(settings=settings, mask_space="ct", decisions=[])
    way = {
        key: work / f"transforms/{name}_{suffix}"
        for key, suffix in {
            "checks": "checks.json",
            "transform": "ct.tfm",
            "transform_facts": "ct.json",
            "to_template": "template.nii.gz",
            "from_template": "from_template.nii.gz",
            "brain": "brain.nii.gz",
            "tissues": "tissues.nii.gz",
            "template_facts": "template.json",
            "judged": "judged.json",
        }.items()
    }
    images = {"ct": bids / f"ct/{name}_ct.nii.gz", "T1w": bids / f"anat/{name}_T1w.nii.gz"}
    way["checks"].parent.mkdir(parents=True, exist_ok=True)
    checks = {key: check_file(key, str(path), Config().check_images) for key, path in images.items()}
    write_json({"images": checks}, way["checks"])

    def job(script, inputs, outputs):  # type: ignore[no-untyped-def]
        if not all(path.exists() for path in outputs.values()):
            script.main(SimpleNamespace(input=Files(inputs), output=Files(outputs), wildcards=wildcards, params=params))

    common = {"checks": way["checks"]}
    job(
        register_ct_to_mri,
        common | {"fixed": images["T1w"], "moving": images["ct"]},
        {"transform": way["transform"], "facts": way["transform_facts"]},
    )
    job(
        register_mri_to_template,
        common | {"reference": images["T1w"], "model": [BRAIN_MODEL / "whole.onnx", BRAIN_MODEL / "part.onnx"]},
        {key: way[key] for key in ("to_template", "from_template", "brain", "tissues")}
        | {"facts": way["template_facts"]},
    )
    job(
        check_registration,
        {"template": way["template_facts"], "transform": way["transform"], "facts": way["transform_facts"]}
        | {"ct": images["ct"], "mri": images["T1w"]},
        {"checks": way["judged"]},
    )
    for mode in modes:
        out = {
            key: session_path(work / mode, row, "ct", suffix)
            for key, suffix in {
                "labels": "space-ct_desc-arteries_dseg.nii.gz",
                "lookup": "space-ct_desc-arteries_dseg.tsv",
                "centrelines": "space-ct_desc-centrelines.tsv",
                "arteries_facts": "desc-arteries.json",
                "lesion_map": "space-ct_desc-calcification_dseg.nii.gz",
                "facts": "desc-calcification.json",
                "lesions": "desc-calcification_lesions.tsv",
                "arteries": "desc-calcification_arteries.tsv",
                "patient": "desc-calcification_patient.tsv",
                "marks": "space-ct_desc-marks_dseg.nii.gz",
            }.items()
        }
        out["labels"].parent.mkdir(parents=True, exist_ok=True)
        of_ct = common | {"ct": images["ct"]}
        given = {"mask": run / f"truth/{name}_space-ct_arteries.nii.gz"} if mode == "mask" else {}
        job(
            map_arteries,
            of_ct
            | {"registration": way["judged"], "mri": images["T1w"]}
            | {"ct_to_reference": way["transform"], "reference_to_template": way["to_template"], "atlas": ATLAS}
            | given,
            {key: out[key] for key in ("labels", "lookup", "centrelines")} | {"facts": out["arteries_facts"]},
        )
        found = {"centrelines": out["centrelines"], "arteries_facts": out["arteries_facts"]}
        job(
            segment_calcification,
            of_ct | found | {"arteries": out["labels"]},
            {"lesions": out["lesion_map"], "facts": out["facts"]},
        )
        job(
            measure_calcification,
            of_ct
            | found
            | {"region": out["labels"], "lookup": out["lookup"], "lesions": out["lesion_map"], "facts": out["facts"]},
            {key: out[key] for key in ("lesions", "arteries", "patient", "marks")},
        )


def usable_sessions(run: Path) -> pd.DataFrame:
    """The sessions with a CT that can be read."""
    sessions = table(run / "truth/sessions.tsv")
    return sessions[sessions.ct.ne("none") & sessions.ct.ne("broken")]


def miss_reasons(run: Path, results: Path, sessions: pd.DataFrame) -> pd.DataFrame:
    """Why true lesions were missed and what was found beside them; n by kind and artery."""
    truth, rows = table(run / "truth/calcifications.tsv"), []
    smallest = Config().calcification.segment.lesion_volume_mm3_min
    for _, row in sessions.iterrows():
        name = f"sub-{row.subject}_ses-{row.session}"
        true, found, region, artery = around_labels(
            *(
                mask(path)[0]
                for path in (
                    run / f"truth/{name}_space-ct_calcification130.nii.gz",
                    session_path(results, row, "ct", "space-ct_desc-calcification_dseg.nii.gz"),
                    session_path(results, row, "ct", "space-ct_desc-arteries_dseg.nii.gz"),
                    run / f"truth/{name}_space-ct_arteries.nii.gz",
                )
            )
        )
        near = ndimage.grey_dilation(true, size=(3, 3, 1))
        for lesion in truth[(truth.subject == row.subject) & (truth.session == row.session)].itertuples():
            voxels = true == lesion.lesion
            if near[(found > 0) & (near == lesion.lesion)].any():
                continue
            why = "taken for bone" if lesion.touches_bone else "left out as beside the artery"
            if voxels.any() and (region[voxels] > 0).mean() < 0.5:
                why = "outside the region: the artery was placed elsewhere"
            if lesion.volume_130hu_mm3 < smallest:
                why = "smaller than the smallest lesion counted"
            rows.append({"artery": lesion.artery, "what": f"missed: {why}"})
        for number, box in enumerate(ndimage.find_objects(found), start=1):
            piece = found[box] == number
            if not piece.any() or near[box][piece].any():
                continue
            within = (artery[box][piece] > 0).mean() > 0.1
            what = "false: bone or noise within the artery" if within else "false: bone beside the artery"
            of = region[box][piece]
            rows.append({"artery": LABELS[int(np.bincount(of[of > 0]).argmax())][0], "what": what})
    return pd.DataFrame(rows, columns=["artery", "what"]).groupby(["what", "artery"]).size().reset_index(name="n")


def summary(run: Path, results: Path, sessions: pd.DataFrame) -> list[str]:
    """What one mode reached, as paragraphs and tables of Markdown."""
    pairs, by_artery = calcifications(run, sessions, results)
    volumes = artery_volumes(run, sessions, results)
    pairs = pairs[pairs.found_counted.astype(str).eq("True")]
    named = pairs[pairs.found_pattern.isin(["iel", "intimal"])]
    scored = named.apply(true_pattern, axis=1)
    patterns = kappa(scored, named.found_pattern, weighted=False)
    drawn = kappa(named.true_pattern, named.found_pattern, weighted=False)
    hu_error = 100 * (pairs.found_mean_hu / pairs.true_mean_hu - 1).abs()
    iccs = [
        {"artery": name, "n": len(rows), "true mm3": rows.true.sum(), "found mm3": rows.measured.sum()}
        | {"ICC(2,1)": icc(rows[["true", "measured"]]).get("estimate", np.nan)}
        for name, rows in [*volumes.groupby("artery"), ("all", volumes)]
    ]
    every = by_artery.iloc[-1]
    reached = {
        "per-lesion sensitivity, counted": (every.counted / every.true, ">= 0.84"),
        "per-lesion sensitivity, counted and candidates": (every.sensitivity, ""),
        "per-lesion PPV, counted": (every.counted / (every.counted + every.false_counted), ">= 0.88"),
        "per-lesion PPV, counted and candidates": (every.ppv, ""),
        "volume ICC, arteries and sides, counted": (iccs[-1]["ICC(2,1)"], ">= 0.95"),
        "error of mean HU, mean (%)": (hu_error.mean(), "<= 10"),
        "pattern, kappa": (patterns.get("estimate", np.nan), ">= 0.72"),
    }
    measures = [
        agreement_line(name, pairs[f"true_{truth}"], pairs[f"found_{name}"], unit)
        for name, truth, unit in (
            ("volume_mm3", "volume_130hu_mm3", "mm3"),
            ("volume_half_max_mm3", "volume_mm3", "mm3"),
            ("mean_hu", "mean_hu", "HU"),
            ("arc_deg", "arc_deg", "deg"),
            ("length_mm", "length_mm", "mm"),
            ("thickness_mm", "thickness_mm", "mm"),
        )
        if f"found_{name}" in pairs
    ]
    goals = [{"measure": name, "reached": value, "goal": goal} for name, (value, goal) in reached.items()]
    return [
        markdown(pd.DataFrame(goals)),
        markdown(by_artery),
        markdown(pd.DataFrame(iccs)),
        markdown(pd.DataFrame(measures)),
        f"Patterns were given to {len(named)} of {len(pairs)} matched lesions. "
        f"{int((scored != named.true_pattern).sum())} of them were drawn as the other kind (thin and long round the "
        f"wall, or thick with a short arc) than their true values score; kappa with the drawn kind: "
        f"{drawn.get('estimate', np.nan):.3f}.",
        markdown(pd.crosstab(scored.rename("true"), named.found_pattern.rename("found")).reset_index()),
        markdown(miss_reasons(run, results, sessions)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=list(MODES))
    parser.add_argument("--heads", type=int, help="only the first so many heads")
    parser.add_argument("--again", action="store_true", help="keep the transforms, make the rest anew")
    parser.add_argument("--note", default="", help="a line on what these heads were used for")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    sessions = usable_sessions(options.run)
    if options.heads:
        sessions = sessions[sessions.subject.isin(sorted(sessions.subject.unique())[: options.heads])]
    for mode in options.modes if options.again else []:
        shutil.rmtree(options.work / mode, ignore_errors=True)
    for _, row in sessions.iterrows():
        measure_session(options.run, options.work, row, options.modes)
    parts = [
        "# Calcification: truth and measurement",
        INTRODUCTION,
        f"Heads with a CT that can be read: {len(sessions)}. {options.note}".strip(),
    ]
    for mode in options.modes:
        parts += [f"## {MODES[mode]}", *summary(options.run, options.work / mode, sessions)]
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
