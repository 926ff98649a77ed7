"""A BIDS folder made of the real images, for tests; they are not part of the project and may be absent.

`ANGIOLITH_REAL_DATA` names their folder (default `../shared/real` beside the project).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REAL = Path(os.environ.get("ANGIOLITH_REAL_DATA", ROOT.parent / "shared" / "real"))
SKIP_REASON = f"the real images are not at {REAL} (set ANGIOLITH_REAL_DATA)"


def build_bids(bids: Path) -> None:
    """Assemble sub-tilt (CT alone), sub-pseudo (CT, T1w), sub-long (two visits), sub-ms07, sub-stroke (brains)."""
    (bids / "sub-tilt/ses-01/ct").mkdir(parents=True)
    convert_tilted_ct(bids / "sub-tilt/ses-01/ct/sub-tilt_ses-01_ct")
    copies = {
        "sub-pseudo/ses-01/ct/sub-pseudo_ses-01_ct": "pseudo_ct/ct",
        "sub-pseudo/ses-01/anat/sub-pseudo_ses-01_T1w": "pseudo_ct/T1w",
        "sub-ms07/ses-01/anat/sub-ms07_ses-01_T1w": "ms_patient07/T1",
        "sub-ms07/ses-01/anat/sub-ms07_ses-01_T2w": "ms_patient07/T2",
        "sub-ms07/ses-01/anat/sub-ms07_ses-01_FLAIR": "ms_patient07/FLAIR",
        "sub-stroke/ses-01/anat/sub-stroke_ses-01_T1w": "stroke_wmh/T1",
        "sub-stroke/ses-01/anat/sub-stroke_ses-01_T2w": "stroke_wmh/T2",
        "sub-stroke/ses-01/anat/sub-stroke_ses-01_FLAIR": "stroke_wmh/FLAIR",
    }
    for visit in (1, 2):
        for name, source in {"T1w": "T1W", "T2w": "T2W", "FLAIR": "FLAIR"}.items():
            target = f"sub-long/ses-0{visit}/anat/sub-long_ses-0{visit}_{name}"
            copies[target] = f"ms_longitudinal01/study{visit}_{source}"
    for target, source in copies.items():
        path = bids / f"{target}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REAL / f"{source}.nii.gz", path)
    subjects = sorted(path.name for path in bids.glob("sub-*"))
    (bids / "participants.tsv").write_text("participant_id\n" + "\n".join(subjects) + "\n")
    (bids / "sub-long/sub-long_sessions.tsv").write_text(
        "session_id\tacq_time\nses-01\t2010-03-01\nses-02\t2011-02-20\n"
    )
    (bids / "dataset_description.json").write_text(json.dumps({"Name": "real images", "BIDSVersion": "1.10.0"}))


def convert_tilted_ct(stem: Path) -> None:
    """Convert the tilted DICOM series with dcm2niix and keep the volume whose tilt and slice steps it corrected."""
    scratch = stem.parent / "converted"
    scratch.mkdir()
    tool = Path(sys.executable).with_name("dcm2niix")
    command = [str(tool), "-z", "y", "-f", "ct", "-o", str(scratch), str(REAL / "ct_head_tilted_dicom")]
    subprocess.run(command, check=True, capture_output=True)
    corrected = max(scratch.glob("*_Eq*.nii.gz"))
    shutil.move(corrected, f"{stem}.nii.gz")
    shutil.move(scratch / "ct.json", f"{stem}.json")
    shutil.rmtree(scratch)
