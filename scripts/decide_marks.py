"""Apply what readers decided on the session's microbleeds and lacunes: which of them count."""

from typing import Any

from angiolith.core.images import write_made
from angiolith.core.tables import write_json, write_tsv
from angiolith.marks.kinds import SPOTS
from angiolith.runtime.job import run
from angiolith.small_vessel.decide import decided_spots


def main(snakemake: Any) -> None:
    out, params = snakemake.output, snakemake.params
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    for kind in SPOTS:
        found = decided_spots(snakemake.input, kind, params.decisions, params.settings[kind.plural]["count"])
        write_tsv(found.table.assign(**keys)[[*keys, *found.table.columns]], out[f"{kind.name}_table"])
        write_made(found.labels, out[f"{kind.name}_labels"])
        write_json(keys | found.facts, out[f"{kind.name}_facts"])


if __name__ == "__main__":
    run(main, snakemake)
