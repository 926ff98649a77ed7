"""The MRI branch of one subject-session, ours beside ANTs' defaults: `make benchmark-mri`.

    python -m benchmarks.mri_branch --run build/demo --session sub-001_ses-01 --out docs/mri_speed.md

Ours: the workflow up to WMH, microbleeds and lacunes (Snakemake and every import included) on two cores, and then the
rest of the session with its CT and vessel wall. ANTs: N4 at its defaults, SyN to MNI152 and Atropos (three classes) of
the same T1w, two threads, import and reading included. Wall and CPU seconds, children included: on a machine that does
other work at the same time the CPU seconds are the ones to compare.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
MRI = ("measure_wmh", "detect_microbleeds", "detect_lacunes")
REST = ("measure_calcification", "measure_plaque", "plot_subject_qc")
REFERENCE = """
import sys, ants
from angiolith.core.images import read_image
from angiolith.brain.mni152 import mni152_map
from angiolith.brain.template import to_ants
image, template = to_ants(read_image(sys.argv[1])), to_ants(mni152_map("t1"))
mask = ants.get_mask(image)
even = ants.n4_bias_field_correction(image, mask)
ants.registration(template, even, type_of_transform="SyN", random_seed=1)
ants.atropos(a=even, x=mask, i="kmeans[3]", m="[0.2,1x1x1]", c="[5,0]")
"""


def timed(command: list[str], folder: Path, threads: int) -> tuple[float, float]:
    """Wall and CPU seconds of a command and all that it starts; raises CalledProcessError if it fails."""
    names = ("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONPATH": str(ROOT)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=sys.stderr)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def session_alone(run: Path, session: str, scratch: Path) -> None:
    """A BIDS folder with this one session, and a configuration, in the scratch folder."""
    subject, visit = session.split("_")
    raw, bids = run / "bids", scratch / "bids"
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(raw / subject / visit, bids / subject / visit)
    drawings = raw / "derivatives/readers" / subject / visit
    if drawings.is_dir():
        shutil.copytree(drawings, bids / drawings.relative_to(raw))
    for name in ("dataset_description.json", "participants.tsv"):
        shutil.copy(raw / name, bids / name)
    (scratch / "my.yaml").write_text("bids_dir: bids\noutput_dir: out\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="folder with bids/ of digital heads")
    parser.add_argument("--session", default="sub-001_ses-01")
    parser.add_argument("--scratch", type=Path, default=Path("build/mri_branch"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    session_alone(options.run, options.session, options.scratch)
    snakemake = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(ROOT / "Snakefile"), "--quiet"]
    snakemake += ["--cores", "2", "--configfile", "my.yaml", "--until"]
    mri = timed([*snakemake, *MRI], options.scratch, 1)
    rest = timed([*snakemake, *REST], options.scratch, 1)
    subject, visit = options.session.split("_")
    t1w = options.scratch.resolve() / f"bids/{subject}/{visit}/anat/{options.session}_T1w.nii.gz"
    reference = timed([sys.executable, "-c", REFERENCE, str(t1w)], options.scratch, 2)
    found = {
        "angiolith, MRI branch": mri,
        "angiolith, whole session": (mri[0] + rest[0], mri[1] + rest[1]),
        "ANTs defaults: N4, SyN, Atropos": reference,
    }
    text = (__doc__ or "").split("\n\n")[2].replace("\n", " ")
    rows = [f"| {name} | {wall:.0f} | {cpu:.0f} | {cpu / reference[1]:.2f} |" for name, (wall, cpu) in found.items()]
    head = ["| what | wall s | CPU s | CPU, fraction of ANTs' |", "|---|---|---|---|"]
    page = ["# Speed of the MRI branch", "", text, "", *head, *rows]
    page += [
        "",
        f"Load of the machine at the end (mean of 15 min): {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores.",
    ]
    options.out.write_text("\n".join(page) + "\n", encoding="utf-8")
    print("\n".join(rows))
    print(f"ratio {mri[1] / reference[1]:.2f}")


if __name__ == "__main__":
    main()
