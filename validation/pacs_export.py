"""Write docs/pacs_export.md: the demo's heads as a PACS export, imported, and held against the heads themselves.

python -m validation.pacs_export --bids build/demo/bids --work build/pacs --out docs/pacs_export.md
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np

from angiolith.core.bids.names import column_of
from angiolith.dicom.importing import Order, Outcome, import_dicom
from phantoms.pacs_export import Study, write_ct_study, write_mr_study

PEOPLE = {"001": ("Sonnenschein^Clara", "77001234", "19500203"), "005": ("Mustermann^Otto", "77005678", "19310405")}
DAYS = {"01": ("20200110", "20200114"), "02": ("20230501", "20230420")}  # of CT and MRI
HEAD = """# The demo's heads as a PACS export

Written by `make validate-pacs`. `phantoms/pacs_export.py`, which shares no code with the importer, writes two demo
subjects with two visits as DICOM: scouts, two kernels, thick slices, reformats with key images, a CT angiogram,
perfusion, dose reports, key objects, MRI with localizers, projections, phase images, another region, and a series that
says nothing of itself. `angiolith import-dicom` then makes a BIDS folder of it.

"""

IMAGES = """
The images against those that the export was written of. DICOM has whole numbers: the heads are rounded to them, and
CT is clipped at -1024 HU.

| image | voxels | largest difference | corners apart, mm |
|---|---|---|---|
"""


def write(bids: Path, export: Path) -> None:
    """Write the export of all people and visits."""
    for subject, (name, number, birth) in PEOPLE.items():
        for session, (ct_day, mri_day) in DAYS.items():
            images = images_of(bids, subject, session)
            if "ct" in images:
                study = Study(export, name, number, birth, ct_day, "CT HEAD")
                write_ct_study(study, *images.pop("ct"))
            write_mr_study(Study(export, name, number, birth, mri_day, "MRI BRAIN"), images)


def images_of(bids: Path, subject: str, session: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Column -> voxels and affine of a session's images."""
    found = {}
    for path in sorted((bids / f"sub-{subject}/ses-{session}").rglob("*.nii.gz")):
        column = column_of(str(path))
        if column:
            image = nib.load(path)
            found[column] = image.get_fdata(dtype=np.float32), image.affine
    return found


def differences(bids: Path, made: Path, labels: dict[str, str]) -> list[str]:
    """A line for each image: the largest difference of values, and of the places of the corners."""
    lines = []
    for subject, label in labels.items():
        for session in DAYS:
            ours = images_of(made, label, session)
            for column, (data, affine) in images_of(bids, subject, session).items():
                name = f"| sub-{subject} ses-{session} {column} |"
                if column not in ours:
                    lines.append(f"{name} not imported | | |\n")
                    continue
                lines.append(
                    f"{name} {' x '.join(map(str, data.shape))} | {_compared(data, affine, *ours[column])} |\n"
                )
    return lines


def _compared(data: np.ndarray, affine: np.ndarray, other: np.ndarray, placed: np.ndarray) -> str:
    """Largest difference of values and places; the other's voxels may run the other way along an axis."""
    way = np.linalg.inv(placed) @ affine
    turn = np.round(way)
    values = np.clip(data, -1024 if data.min() < 0 else 0, None).round()
    axes = np.abs(turn[:3, :3]).argmax(axis=0)
    turned = other.transpose(axes)
    for axis, index in enumerate(axes):
        if turn[index, axis] < 0:
            turned = np.flip(turned, axis)
    if turned.shape != values.shape:
        return f"another grid: {turned.shape} | "
    corner_mm = float(np.abs(placed @ (way - turn) @ [*np.array(data.shape) - 1, 1]).max())
    return f"{float(np.abs(turned - values).max()):.2g} | {corner_mm:.2g}"


def page(outcome: Outcome, lines: list[str]) -> str:
    rows = outcome.rows
    counts = outcome.decisions
    reasons = Counter((row.get("decision"), row.get("reason")) for row in rows)
    n_in = sum(int(row.get("files")) for row in rows)
    text = HEAD + f"{outcome.n_files} files, {n_in} of them in {len(rows)} series: "
    text += ", ".join(f"{counts[name]} {word}" for name, word in WORDS.items()) + ".\n\n"
    text += "| decision | reason | series |\n|---|---|---|\n"
    text += "".join(f"| {what} | {why} | {n} |\n" for (what, why), n in sorted(reasons.items()))
    return text + IMAGES + "".join(lines)


WORDS = {"take": "taken", "leave": "left", "refuse": "refused", "ask": "to be asked"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bids", type=Path, default=Path("build/demo/bids"))
    parser.add_argument("--work", type=Path, default=Path("build/pacs"))
    parser.add_argument("--out", type=Path, default=Path("docs/pacs_export.md"))
    given = parser.parse_args()
    export, made = given.work / "export", given.work / "bids"
    if not export.exists():
        write(given.bids, export)
    given.work.mkdir(parents=True, exist_ok=True)
    order = Order(export, made, given.work / "key.tsv", given.work / "series.tsv")
    outcome = import_dicom(order, lambda text: print(text, flush=True))
    labels = {}
    for line in (given.work / "key.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        number, label = line.split("\t")[:2]
        labels[next(subject for subject, person in PEOPLE.items() if person[1] == number)] = label
    given.out.write_text(page(outcome, differences(given.bids, made, labels)), encoding="utf-8")
    print(json.dumps(dict(outcome.decisions)))


if __name__ == "__main__":
    main()
