"""Where silver masks are doubtful: what a first fit of the network takes for WMH and the mask does not.

    python -m training.wmh_doubt --scans FOLDER --model FILE.onnx

Masks of older_adults miss plain WMH in some scans (sub-02, sub-03 and sub-05 above all). Such pixels are weighed with
nothing in the second fit: neither the mask nor the network's own opinion decides there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from angiolith.small_vessel.wmh.network import probabilities, read_wmh_model
from angiolith.small_vessel.wmh.working import Working

SILVER = "older_adults"
PROBABILITY_MIN = 0.8
BRIGHT_MIN = 0.4  # above white matter, of its contrast to fluid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    arguments = parser.parse_args()
    model = read_wmh_model(arguments.model)
    for path in sorted(arguments.scans.glob(f"{SILVER}*.npz")):
        with np.load(path) as file:
            held = {name: file[name] for name in file.files}
        flair, maps, others = (held[name].astype(np.float32) for name in ("flair", "maps", "others"))
        nothing = np.eye(3)
        working = Working(
            flair, held["brain"], maps, others, float(held["step_mm"]), (0, 0, 0), (), (), nothing, nothing[0]
        )
        likely, _ = probabilities(working, model)
        held["doubt"] = (likely > PROBABILITY_MIN) & (held["truth"] < 128) & (flair > BRIGHT_MIN)
        np.savez(path, **held)
        print(path.name, f"{held['doubt'].sum() * working.step_mm / 1000:.1f} cm3 are doubtful", flush=True)


if __name__ == "__main__":
    main()
