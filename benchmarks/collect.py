"""Collecting the cohort's tables: time and memory by the number of subjects.

    python -m benchmarks.collect OUTPUT_DIR --sizes 500 2000 20000

The tables of one subject of a finished run (the first with two visits) are written under N labels as the bundles of N
subjects (`measures.json`) and collected by the workflow's own job. Processor time, and the peak of resident memory.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

from angiolith.core.config import Config
from angiolith.core.manifest import Row, manifest_text, read_manifest
from angiolith.core.tables import write_json
from angiolith.steps import MEASURES
from scripts import collect_metrics

TABLES = [kind for kind in MEASURES if kind != "checks"]  # those name files, not only subjects


def collect(folder: Path, root: Path, rows: list[Row], size: int) -> tuple[float, float]:
    """Processor seconds of making the bundles (not part of the job) and of collecting them."""
    subject = rows[0].subject
    files = {kind: sorted((root / f"sub-{subject}").rglob(f"*_{MEASURES[kind]}")) for kind in TABLES}
    texts = {kind: [path.read_text(encoding="utf-8") for path in paths] for kind, paths in files.items()}
    start, paths, manifest = time.process_time(), [], []
    for number in range(size):
        label = f"{number:06d}"
        renamed = {kind: [text.replace(f"\n{subject}\t", f"\n{label}\t") for text in texts[kind]] for kind in TABLES}
        renamed["checks"] = []
        paths.append(folder / f"sub-{label}.json")
        write_json(renamed, paths[-1])
        manifest += [Row(label, row.session, row.values) for row in rows]
    (folder / "manifest.tsv").write_text(manifest_text(manifest), encoding="utf-8")
    made = time.process_time()
    outputs = {name: folder / f"{name}.tsv" for name in ("patients", "lesions", "change", "ratings", "clinical")}
    settings = {"subjects": None, "vessel_wall": Config().vessel_wall.model_dump()}
    job = SimpleNamespace(
        input={"manifest": folder / "manifest.tsv", "measures": paths},
        output=SimpleNamespace(**outputs),
        params=SimpleNamespace(settings=settings, pairs={}),
    )
    collect_metrics.main(job)
    return made - start, time.process_time() - made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output_dir", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 20000])
    given = parser.parse_args()
    manifest = read_manifest(given.output_dir / "manifest.tsv")
    subject = next(row.subject for row, after in pairwise(manifest) if row.subject == after.subject)
    rows = [row for row in manifest if row.subject == subject]
    print("subjects", "collect_cpu_s", "peak_memory_mb", sep="\t")
    for size in sorted(given.sizes):
        with tempfile.TemporaryDirectory() as folder:
            _, seconds = collect(Path(folder), given.output_dir, rows, size)
        print(size, round(seconds, 1), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, sep="\t", flush=True)


if __name__ == "__main__":
    main()
