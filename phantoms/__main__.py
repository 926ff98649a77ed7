"""`python -m phantoms --out DIR`: write a simulated cohort: images under DIR/bids, the truth under DIR/truth."""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import time
from pathlib import Path

from phantoms import bids
from phantoms.head import ANATOMIES, GEOMETRIC, MODEL, SKULL_BASES, TEMPLATE, away_from_ventricles
from phantoms.spec import SubjectSpec, draw_spec, read_cohort, stream
from phantoms.subject import Record, generate_subject

MIX = "mix"  # of anatomies: every other subject
COHORT = Path(__file__).with_name("cohort.yaml")
TRUTH_COLUMNS = {  # header of the truth tables that may have no rows at all
    "calcifications": ("subject", "session", "lesion", "artery", "side", "volume_mm3"),
    "plaques": ("subject", "session", "lesion", "artery", "side"),
    "microbleeds": ("subject", "session", "lesion", "region", "diameter_mm", "space", "x_mm", "y_mm", "z_mm"),
    "lacunes": ("subject", "session", "lesion", "region", "diameter_mm", "space", "x_mm", "y_mm", "z_mm"),
    "vessels": ("subject", "session", "artery", "side", "point", "x_mm", "y_mm", "z_mm", "radius_mm"),
    "change": ("subject", "from_session", "to_session", "interval_days", "measure"),
    "smallvessel": (),
    "sessions": (),
}


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    started = time.perf_counter()
    specs = read_cohort(options.config)
    if options.subjects:
        specs = [draw_spec(stream(options.seed, "spec", number)) for number in range(options.subjects)]
    for folder in ("bids", "truth"):
        shutil.rmtree(options.out / folder, ignore_errors=True)
    anatomies = {MIX: (TEMPLATE, MODEL)}.get(options.anatomy, (options.anatomy,))
    tasks = [
        (options.seed, f"{number:03d}", spec, options.out, anatomies[number % len(anatomies)], options.skull_base)
        for number, spec in enumerate(specs, start=1)
    ]
    if options.jobs > 1:
        away_from_ventricles()  # the standard head, made once, inherited by the workers where processes are forked
        with multiprocessing.Pool(options.jobs) as pool:
            records = pool.starmap(_subject, tasks, chunksize=1)
    else:
        records = [_subject(*task) for task in tasks]
    write_cohort(records, options.out)
    print(f"{len(specs)} subjects in {options.out} after {time.perf_counter() - started:.0f} s", file=sys.stderr)


def _subject(seed: int, label: str, spec: SubjectSpec, out: Path, anatomy_of: str, skull_base: str) -> Record:
    started = time.process_time()
    record = generate_subject(seed, label, spec, out, anatomy_of, skull_base)
    print(f"sub-{label}: {time.process_time() - started:.0f} s of processor", file=sys.stderr)
    return record


def write_cohort(records: list[Record], out: Path) -> None:
    """The tables of all subjects: participants, readers' ratings, truth."""

    def rows(table: str) -> list[dict[str, object]]:
        return [row for record in records for row in record.rows.get(table, [])]

    folder = out / "bids"
    bids.write_json(folder / "dataset_description.json", bids.DESCRIPTION)
    bids.write_table(folder / "participants.tsv", rows("participants"))
    bids.write_json(folder / "participants.json", bids.PARTICIPANTS_COLUMNS)
    bids.write_table(folder / "phenotype/readers.tsv", rows("readers"))
    if (folder / "derivatives/readers").is_dir():
        bids.write_json(folder / "derivatives/readers/dataset_description.json", bids.READERS_DESCRIPTION)
    for table, columns in TRUTH_COLUMNS.items():
        found = rows(table)
        bids.write_table(out / f"truth/{table}.tsv", found, () if found else columns)
    if heads := rows("heads"):
        bids.write_table(out / "truth/heads.tsv", heads)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m phantoms", description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write into; its bids/ and truth/ are replaced"
    )
    parser.add_argument("--config", type=Path, default=COHORT, help="cohort file (default: phantoms/cohort.yaml)")
    parser.add_argument("--subjects", type=int, help="draw this many random subjects instead of the cohort file's")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same bytes")
    parser.add_argument(
        "--anatomy",
        choices=(*ANATOMIES, MIX),
        default=TEMPLATE,
        help="whose brain and shape: MNI152's, which the pipeline registers to (template), other heads' (model), mix",
    )
    parser.add_argument(
        "--skull-base",
        choices=SKULL_BASES,
        default=GEOMETRIC,
        help="simple bodies, or a base with clinoids, canals, septa, ligaments, and arteries some mm beside the atlas",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser


if __name__ == "__main__":
    main()
