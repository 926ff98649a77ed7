"""A small finished run of made tables, pictures and volumes, and the report built from it: for tests without images."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from angiolith.cohort.attrition import COLUMNS as ATTRITION_COLUMNS
from angiolith.core.config import Analysis, Config
from angiolith.core.images import Image
from angiolith.core.manifest_table import FileNote, report_text
from angiolith.core.tables import write_json, write_tsv
from angiolith.pictures.step import MONTAGES
from angiolith.report.sessions import LESION_MEASURES
from angiolith.report.viewer import labels_layer
from angiolith.report.volumes import grey_nifti, layer, write_volume
from scripts.build_report import main
from tests.workflow.planning import ROOT

ROOT_ASSETS = ("angiolith/report/assets", "resources/niivue")
HOSTILE = "<script>alert('x')</script> & \"quoted\""
GROUPS = ("none_or_mild", "moderate", "severe")
QC = ("registration", "calcification", "wmh", "wall", *MONTAGES)
MARKER = "wmh_volume_cm3"


def manifest(subjects, visits=2):
    """Every subject has all images at the first visit and MRI alone at the second; the last subject nothing but CT."""
    rows = []
    for at, subject in enumerate(subjects):
        for visit in range(visits if at < len(subjects) - 1 else 1):
            row = {"subject": subject, "session": f"{visit + 1:02d}", "acq_time": f"20{24 + visit}-03-01T10:00:00"}
            last = at == len(subjects) - 1
            names = ("ct",) if last else ("ct", "T1w", "FLAIR", "swi", "vwi") if visit == 0 else ("T1w", "FLAIR", "swi")
            rows.append(row | {name: f"{name}.nii.gz" for name in names})
    columns = ["subject", "session", "acq_time", "ct_acq_time", "ct", "T1w", "FLAIR", "swi", "vwi"]
    return pd.DataFrame(rows).reindex(columns=columns)


def cohort_tables(rows, seed=1):
    """patients, lesions, change of the manifest's rows; a failed and a hostile reason among them."""
    rng = np.random.default_rng(seed)
    n, has_ct, has_mri = len(rows), rows["ct"].notna(), rows["FLAIR"].notna()
    keys = rows[["subject", "session", "acq_time"]].copy()
    patients = keys.assign(
        severity_group=pd.Series(rng.choice(GROUPS, n), index=keys.index).where(has_ct),
        calcification_volume_mm3=np.where(has_ct, rng.gamma(2, 100, n).round(3), np.nan),
        severity_at_least=np.where(has_ct, 1.0, np.nan),
        n_calcification_candidates=np.where(has_ct, 1.0, np.nan),
        calcification_candidate_volume_mm3=np.where(has_ct, 188.25, np.nan),
        woodcock_ICA=np.where(has_ct, rng.integers(0, 4, n), np.nan),
        woodcock_BA=np.where(has_ct, rng.integers(0, 4, n), np.nan),
        calcification_volume_mm3_ICA=np.where(has_ct, 80.5, np.nan),
        calcification_status=np.where(has_ct, "review", "missing"),
        calcification_reason=np.where(
            has_ct, f"calcium touches bone on 2 artery(ies) {HOSTILE}", "no ct in this session"
        ),
        wmh_volume_cm3=np.where(has_mri, rng.gamma(2, 5, n).round(3), np.nan),
        n_microbleeds=np.where(has_mri, rng.integers(0, 9, n), np.nan),
        smallvessel_status=np.where(has_mri, "ok", "failed"),
        smallvessel_reason=pd.Series("FLAIR: cannot be read as NIfTI (short); copy it again", index=keys.index).where(
            ~has_mri
        ),
    )
    patients.loc[0, MARKER] = 0.0
    vwi = rows["vwi"].notna()
    lesions = keys.assign(
        lesion=np.where(vwi, 1, np.nan),
        artery=pd.Series("BA", index=keys.index).where(vwi),
        side=pd.Series("M", index=keys.index).where(vwi),
        stenosis_percent=np.where(vwi, 61.4, np.nan),
        plaque_status=np.where(vwi, "ok", "missing"),
        plaque_reason=pd.Series("no vwi in this session", index=keys.index).where(~vwi),
        **{measure.column: np.nan for measure in LESION_MEASURES if measure.column != "stenosis_percent"},
    )
    first = patients[has_mri & (rows["session"] == "01")]
    change = pd.DataFrame(
        {
            "subject": first["subject"],
            "from_session": "01",
            "to_session": "02",
            "interval_days": 366.0,
            "measure": MARKER,
            "baseline": first[MARKER],
            "followup": first[MARKER] + 1.5,
            "change": 1.5,
            "change_per_year": 1.497,
            "status": "ok",
            "reason": None,
        }
    )
    return patients, lesions, change


def associations(**columns):
    """Associations of three kinds: drawn, drawn per 10, and not estimated with a note."""
    rows = {
        "model": ["univariable", "univariable", "model1"],
        "term": ["a", "b", "a"],
        "per": [1.0, 10.0, 1.0],
        "n": [100, 90, 80],
        "estimate": np.log([2.0, 0.5, 4.0]),
        "odds_ratio": [2.0, 0.5, np.nan],
        "ci_low": [1.0, 0.2, np.nan],
        "ci_high": [4.0, 1.25, np.nan],
        "p": [0.05, 0.14, np.nan],
        "q": [0.1, 0.14, np.nan],
        "note": [None, None, "complete separation"],
    }
    return pd.DataFrame(rows | columns)


def marks(rows):
    """Three calcifications of every CT: one that waits for a reader, a sure one, one that a reader rejected."""
    of_ct = rows[rows["ct"].notna()]
    columns = {
        "lesion": [2, 1, 3],
        "mark": [f"{number}-{number:08x}" for number in (2, 1, 3)],
        "artery": ["ICA", "BA", "MCA"],
        "side": ["R", "M", "L"],
        "volume_mm3": [188.25, 12.5, 3.0],
        "max_hu": [643.0, 512.0, 180.0],
        "counted": [False, True, False],
        "certainty": ["candidate", "sure", "sure"],
        "decided_by": ["tool", "tool", "AB"],
        "status": ["review", "ok", "ok"],
        "reason": [f"candidate: clinoid {HOSTILE}", None, "rejected by AB on 2026-11-30"],
    }
    columns |= {f"found_{name}": columns[name] for name in ("artery", "side", "volume_mm3", "max_hu", "status")}
    columns |= {"found_certainty": columns["certainty"], "found_counted": [False, True, True]}
    columns["found_reason"] = [columns["reason"][0], None, None]
    keys = of_ct[["subject", "session"]].to_dict("records")
    calcium = [pd.DataFrame(key | columns | {"kind": "calcification"}, index=range(3)) for key in keys]
    return pd.concat([*calcium, *spots(rows)], ignore_index=True)


def spots(rows):
    """A microbleed that waits for a reader and a sure lacune of every session with MRI."""
    sure = {"counted": True, "certainty": "sure", "decided_by": "tool", "status": "ok", "reason": None}
    waits = sure | {"counted": False, "certainty": "candidate", "status": "review", "reason": "candidate: shallow"}
    found = {
        "microbleed": waits | {"lesion": 1, "mark": "1-0000000a"},
        "lacune": sure | {"lesion": 2, "mark": "2-0000000b"},
    }
    for key in rows.loc[rows["FLAIR"].notna(), ["subject", "session"]].to_dict("records"):
        for kind, row in found.items():
            row = row | {"diameter_mm": 4.5, "volume_mm3": 47.7}
            held = {f"found_{name}": row[name] for name in row if name not in ("lesion", "mark", "decided_by")}
            yield pd.DataFrame([key | row | held | {"kind": kind}])


def attrition():
    rows = [["study", 1, f"no CT {HOSTILE}", 10, 2, 8, 12, 3, 9, "001,002", 0, ""]]
    return pd.DataFrame([*rows, ["study", 2, "analysed", 8, 0, 8, 9, 0, 9, None, 1, "003"]], columns=ATTRITION_COLUMNS)


def write_run(folder, subjects=("001", "002", "003"), pictures=True):
    """Write the tables of a run and return the files as the rule gives them, with the visits of each subject."""
    rows = manifest(subjects)
    patients, lesions, change = cohort_tables(rows)
    tables = {"manifest": rows, "patients": patients, "lesions": lesions, "change": change, "attrition": attrition()}
    tables["marks"] = marks(rows)
    data = patients[rows["session"] == "01"].dropna(subset=["severity_group"])
    tables["study_data"] = data.assign(base=data[MARKER], follow=data[MARKER] + 1.0)
    tables["study_associations"] = associations()
    tables["study_correlations"] = pd.DataFrame(
        {
            "group": ["overall", "overall", "ICA"],
            "measure": [MARKER, "n_microbleeds", MARKER],
            "method": "spearman",
            "n": [244, 240, 244],
            "r": [0.331, -0.052, 0.21],
            "p": [0.0002, 0.42, 0.001],
        }
    )
    tables["study_table1_printed"] = pd.DataFrame(
        {
            "variable": ["age, mean (SD)", "sex: F's $HOME, n (%)"],
            "all": ["64.7 (5.54)", "1 (25.0)"],
            "severe: all": ["64.7 (5.54)", "1 (25.0)"],
            "p": ["", "0.25"],
        }
    )
    tables["doubtful_values"] = pd.DataFrame(
        {"file": ["patients.xlsx"], "row": [7], "column": ["ldl_mg_dl"], "why": [f"another unit? {HOSTILE}"]}
    )
    tables["missing_columns"] = pd.DataFrame(
        {
            "analysis": ["study"],
            "column": ["bmi_kg_m2"],
            "problem": ["no such column"],
            "left_out": [f"model1 {HOSTILE}"],
        }
    )
    tables["clinical_tables"] = pd.DataFrame(
        {
            "table": ["bids/participants.tsv", "bids/phenotype/readers.tsv"],
            "rows": [None, 4],
            "columns": [None, 3],
            "status": ["failed", "ok"],
            "reason": [f"bids/participants.tsv, row 3, age: '61,5' is not a number; write 61.5 {HOSTILE}", None],
        }
    )
    tables["printed_audit"] = pd.DataFrame({"row": ["age_years"], "printed": ["0.62"], "verdict": ["consistent"]})
    for name, table in tables.items():
        write_tsv(table, folder / f"{name}.tsv")
    (folder / "study_flow.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'/>")
    (folder / "study_splines.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='41' height='20'/>")
    write_json({"status": "ok", "reason": None}, folder / "checks.json")
    if pictures:
        for row in rows.to_dict("records"):
            show_session(folder / "report", f"sub-{row['subject']}_ses-{row['session']}", row)
    pairs = {subject: ["01", "02"] for subject in subjects[:-1]}
    notes = [
        FileNote("sub-001/ses-01/anat/x_flair.nii.gz", "001", "01", reason="did you mean <b>_FLAIR</b>?"),
        FileNote("sub-001/ses-01/anat/x_run-2_T1w.nii.gz", "001", "01", "T1w", "taken", "the last run"),
        FileNote("sub-001/ses-01/ct/plain_ct.nii.gz", "001", "01", "ct", "taken"),
    ]
    (folder / "manifest_report.tsv").write_text(report_text(notes))
    if pictures:
        for subject in pairs:
            write_picture(folder / f"report/pictures/sub-{subject}_desc-change_qc.png", 90)
    parts = ("data", "table1_printed", "associations", "correlations")
    return {
        name: folder / f"{name}.tsv" for name in ("manifest", "patients", "lesions", "change", "attrition", "marks")
    } | {
        "manifest_report": folder / "manifest_report.tsv",
        "agreement": None,
        "agreement_plots": None,
        "review": None,
        "analysis_plan": None,
        "dictionaries": [],
        "pairs": pairs,
        "doubtful_values": folder / "doubtful_values.tsv",
        "missing_columns": folder / "missing_columns.tsv",
        "clinical_tables": folder / "clinical_tables.tsv",
        "audits": {"printed": folder / "printed_audit.tsv"},
        "sessions": {subject: rows.loc[rows["subject"] == subject, "session"].tolist() for subject in subjects},
        "checks": folder / "checks.json",
        "registration": None,
        "analyses": {
            "study": {
                "tables": {part: folder / f"study_{part}.tsv" for part in parts},
                "figures": {"splines": folder / "study_splines.svg"},
                "flow": folder / "study_flow.svg",
            }
        },
    }


def write_picture(path, grey):
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("L", (96, 64), grey).save(path)


def ball(radius_mm, centre=(0, 0, 0), voxel_mm=4.0, size=24):
    """A ball (True inside) on a small grid about the world's origin, and the grid's affine."""
    affine = np.diag([voxel_mm] * 3 + [1.0])
    affine[:3, 3] = -voxel_mm * (size - 1) / 2
    points = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), -1) * voxel_mm + affine[:3, 3]
    return np.linalg.norm(points - np.array(centre), axis=-1) < radius_mm, affine


def show_session(report, stem, row):
    """Pictures, and volumes of a bright ball with a label on its right half."""
    for at, name in enumerate(QC):
        write_picture(report / f"pictures/{stem}_desc-{name}_qc.png", 40 + 25 * at)
    head, affine = ball(36)
    labels, _ = ball(12, (14, 0, 0))  # on the patient's right in RAS terms of +x
    for name in ("ct", "T1w", "FLAIR", "swi", "vwi"):
        path = report / f"volumes/{stem}_{name}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(row.get(name), str):
            path.write_bytes(b"")
            continue
        top = 100.0 if name == "ct" else 500.0
        grey = layer(
            grey_nifti(Image(head * top, affine), (0.0, 2 * top)),
            name=name,
            kind="grey",
            window=(0, 2 * top),
            unit="HU",
        )
        kinds = {"ct": "calcification", "FLAIR": "wmh"}
        marked = Image(labels.astype(np.uint8), affine)
        extra = [labels_layer(marked, kinds[name], "lesions", np.eye(4), {1: kinds[name]})] if name in kinds else []
        write_volume([grey, *extra], f"{stem}_{name}", path)


def settings_of(**report):
    study = Analysis(
        kind="severity",
        table="patients",
        group="severity_group",
        group_levels=list(GROUPS),
        markers=[MARKER, "n_microbleeds", "calcification_volume_mm3"],
        changes={MARKER: {"baseline": "base", "followup": "follow"}},
    )
    settings = Config(analyses={"study": study}).model_dump(mode="json")
    settings["report"] |= report
    return settings


def build(files, folder, **report):
    """Build the report into `folder`/report; returns its cohort page."""
    place = folder / "report"
    assets = [path for name in ROOT_ASSETS for path in (ROOT / name).iterdir() if path.suffix in (".js", ".css")]
    output = SimpleNamespace(
        page=place / "index.html",
        methods=place / "methods.html",
        errors=[place / "errors.html"] if files["sessions"] else [],
        review=[place / "review.html"] if files["sessions"] else [],
        marks=[place / "marks.html"] if files["sessions"] else [],
        analyses=[place / "analysis-study.html"] if files["analyses"] else [],
        assets=[place / "assets" / path.name for path in assets],
    )
    params = SimpleNamespace(files=files, settings=settings_of(**report), pairs=files["pairs"], version="0.0.0")
    niivue = [path for path in assets if path.name.startswith("niivue")]
    main(SimpleNamespace(params=params, output=output, input=SimpleNamespace(niivue=niivue)))
    return output.page
