"""The audit of the demo's finished run."""

from pathlib import Path

from angiolith.audit.lineage import lineage
from angiolith.audit.trace import find_cell
from angiolith.audit.verify import verify
from angiolith.runtime.records import read_records

OUT = Path(__file__).parents[2] / "build/demo/derivatives"


def test_the_run_verifies():
    """Files of earlier versions may lie in a developer's folder: they are `added`, and nothing else is found."""
    assert [finding for finding in verify(OUT) if finding.kind != "added"] == []


def test_a_volume_is_traced_to_the_patients_images():
    cell = find_cell(OUT, "cohort/patients.tsv:sub-001:ses-01:wmh_volume_cm3")
    steps = {step.name: step for step in lineage(OUT, read_records(OUT), cell).steps}
    images = {name for name, step in steps.items() if step.record is None and name.startswith("../bids/sub-")}
    stem = "../bids/sub-001/ses-01/anat/sub-001_ses-01"
    assert images == {f"{stem}_{name}.{kind}" for name in ("T1w", "FLAIR") for kind in ("nii.gz", "json")}
    assert "sub-001/ses-01/anat/sub-001_ses-01_space-FLAIR_desc-wmh_mask.nii.gz" in steps
