"""Place the arteries on the native CT grid: from a mask, an angiogram, or the atlas warped to the subject."""

from typing import Any

import numpy as np

from angiolith.arteries.centrelines import to_table
from angiolith.arteries.mapping import TOOL
from angiolith.arteries.names import lookup_table
from angiolith.arteries.session import arteries_of
from angiolith.core.images import read_ct, write_image
from angiolith.core.inputs import refusal
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings, ArteryToolSettings
from angiolith.core.settings.calcification import CalciumThresholdSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import FAILED, read_json, write_json, write_not_made, write_tsv
from angiolith.core.tool import tool_facts
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    given, out, params = snakemake.input, snakemake.output, snakemake.params
    if reason := refusal(read_json(given.checks), "ct"):
        write_json({"status": FAILED, "reason": reason, "source": "none", "lumen_hu": None}, out.facts)
        write_not_made(out.labels, out.lookup, out.centrelines)
        return
    ct = read_ct(given.ct)
    tool = step_settings(params.settings, ArteryToolSettings)
    found = arteries_of(
        given,
        ct,
        params.mask_space,
        step_settings(params.settings, ArteryMapSettings),
        step_settings(params.settings, ArteryRegionSettings),
        step_settings(params.settings, CalciumThresholdSettings),
        tool,
    )
    seen = {"lumen_hu": found.lumen_hu, "noise_hu": found.noise_hu}
    facts: dict[str, Any] = {name: round(hu, 1) if np.isfinite(hu) else None for name, hu in seen.items()}
    if TOOL in found.sources.values():
        facts["tool"] = tool_facts(tool)
    write_json({"status": found.status, "reason": found.reason, "source": found.source, **facts}, out.facts)
    if found.status == FAILED:
        write_not_made(out.labels, out.lookup, out.centrelines)
        return
    write_image(found.labels, ct.affine, out.labels)
    write_tsv(lookup_table(found.sources), out.lookup)
    write_tsv(to_table(found.lines.values()), out.centrelines)


if __name__ == "__main__":
    run(main, snakemake)
