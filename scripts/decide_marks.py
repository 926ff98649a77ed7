"""Apply what readers decided on microbleeds, lacunes, WMH and suspected infarcts of a session: which of them count."""

from typing import Any

from angiolith.marks.kinds import SPOTS
from angiolith.runtime.job import run
from angiolith.small_vessel.decide import decided_spots
from angiolith.small_vessel.wmh.marks import decided_wmh


def main(snakemake: Any) -> None:
    out, params = snakemake.output, snakemake.params
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    for kind in SPOTS:
        found = decided_spots(snakemake.input, kind, params.decisions, params.settings[kind.plural]["count"])
        found.write(keys, *(out[f"{kind.name}_{part}"] for part in ("table", "labels", "facts")))
    decided_wmh(snakemake.input, params.decisions).write(keys, out)


if __name__ == "__main__":
    run(main, snakemake)
