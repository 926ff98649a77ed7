"""Inventory and verify beside plain sha256sum over the same files.

    python -m benchmarks.inventory OUTPUT_DIR      a finished run; nothing in it is changed but its cache of hashes

Best of three of each, in seconds, with files in the page cache: what is compared is computing, not the disk.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from angiolith.audit.inventory import CACHE, FILES, inventory, read_inventory
from angiolith.audit.verify import verify
from angiolith.runtime.records import path_of, record_of_run

REPEATS = 3


def best(action: Callable[[], object]) -> float:
    """Wall time in seconds of the fastest of a few runs."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output_dir", type=Path)
    root = parser.parse_args().output_dir
    own = record_of_run(root)
    if own is None:
        sys.exit(f"{root}: no finished run")
    files = [path_of(root, entry.name) for entry in read_inventory(root) if entry.kind in FILES]
    size = sum(path.stat().st_size for path in files)
    names = "\0".join(map(str, files)).encode()

    def write(remembered: bool) -> None:
        if not remembered:
            (root / CACHE).unlink(missing_ok=True)
        inventory(root, own.inputs, own.params["settings"], own.params["configs"])

    plain = ["xargs", "-0", "sha256sum"]
    rows = {
        "sha256sum": best(lambda: subprocess.run(plain, input=names, stdout=subprocess.DEVNULL, check=True)),
        "inventory, everything hashed": best(lambda: write(remembered=False)),
        "inventory, nothing changed": best(lambda: write(remembered=True)),
        "verify": best(lambda: verify(root)),
        "verify --quick": best(lambda: verify(root, quick=True)),
    }
    print(f"{len(files)} files, {size / 1e6:.1f} MB")
    for name, seconds in rows.items():
        print(f"{name:32s} {seconds:8.3f} s")


if __name__ == "__main__":
    main()
