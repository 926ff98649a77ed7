"""Writing: NIfTI with the same bytes for the same data, sidecars, and the tables of the BIDS folder and the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from isal import igzip

from phantoms.geometry import Grid


def write_nifti(path: Path, data: np.ndarray, grid: Grid) -> None:
    """Write a .nii.gz whose bytes depend on its content only (no time stamp, no file name)."""
    image = nib.Nifti1Image(data, grid.affine)
    image.set_sform(grid.affine, code=1)
    image.set_qform(grid.affine, code=1)
    image.header.set_xyzt_units("mm")
    image.header.set_data_offset(352)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as file,
        igzip.IGzipFile(filename="", mode="wb", compresslevel=3, fileobj=file, mtime=0) as packed,
    ):
        packed.write(image.header.binaryblock + bytes(4))  # no header extensions
        packed.write(np.ascontiguousarray(data.T).data)


def truncate(path: Path, share: float = 0.4) -> None:
    """Cut a file short, as a broken transfer does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def write_json(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_table(path: Path, rows: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> None:
    """Write a TSV; missing is n/a. `columns` names the header where there may be no rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(list(rows), columns=list(columns) or None)
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", float_format="%.5g", lineterminator="\n")


DESCRIPTION = {
    "Name": "The digital head: a made cohort with known truth",
    "BIDSVersion": "1.10.0",
    "DatasetType": "raw",
    "License": "CC0",
    "GeneratedBy": [{"Name": "angiolith demo"}],
}
READERS_DESCRIPTION = DESCRIPTION | {"Name": "Readers' vessel-wall contours", "DatasetType": "derivative"}
PARTICIPANTS_COLUMNS = {
    "age": {"Description": "age at the first visit", "Units": "year"},
    "sex": {"Levels": {"F": "female", "M": "male"}},
    "bmi_kg_m2": {"Description": "body mass index", "Units": "kg/m^2"},
    "smoking": {"Description": "current or former smoker", "Levels": {"0": "no", "1": "yes"}},
    "diabetes": {"Levels": {"0": "no", "1": "yes"}},
    "hypertension": {"Levels": {"0": "no", "1": "yes"}},
    "coronary_heart_disease": {"Levels": {"0": "no", "1": "yes"}},
    "ldl_mg_dl": {"Description": "low-density lipoprotein cholesterol", "Units": "mg/dL"},
    "total_cholesterol_mg_dl": {"Units": "mg/dL"},
    "triglyceride_mg_dl": {"Units": "mg/dL"},
    "hs_crp_mg_l": {"Description": "high-sensitivity C-reactive protein", "Units": "mg/L"},
    "cholesterol_lowering_drug": {"Levels": {"0": "no", "1": "yes"}},
    "antiplatelet_drug": {"Levels": {"0": "no", "1": "yes"}},
    "symptomatic": {"Description": "stroke or TIA within four weeks", "Levels": {"0": "no", "1": "yes"}},
}


def sidecar(name: str, **more: object) -> dict[str, object]:
    """The JSON that stands beside an image: what such a sequence's sidecar usually says."""
    common: dict[str, dict[str, object]] = {
        "T1w": {
            "MagneticFieldStrength": 3,
            "EchoTime": 0.0029,
            "RepetitionTime": 2.3,
            "InversionTime": 0.9,
            "FlipAngle": 9,
        },
        "FLAIR": {"MagneticFieldStrength": 3, "EchoTime": 0.12, "RepetitionTime": 9.0, "InversionTime": 2.5},
        "swi": {"MagneticFieldStrength": 3, "EchoTime": 0.02, "RepetitionTime": 0.028, "FlipAngle": 15},
        "vwi": {"MagneticFieldStrength": 3, "EchoTime": 0.016, "RepetitionTime": 0.9, "BlackBlood": True},
        "ct": {"KVP": 120, "XRayExposure": 300, "ConvolutionKernel": "H31s", "GantryDetectorTilt": 0},
    }
    modality = "CT" if name == "ct" else "MR"
    return {"Modality": modality, "Manufacturer": "Digital head", **common[name], **more}
