"""Put what the report shows of a subject-session into its folder: the pictures, and volumes for the viewer."""

from typing import Any

from angiolith.core.settings.report import ReportVolumeSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import copy_file
from angiolith.report.viewer import export_volume
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    given, keys, out = dict(snakemake.input.items()), snakemake.wildcards, snakemake.output
    settings = step_settings(snakemake.params.settings, ReportVolumeSettings)
    for name in snakemake.params.pictures:
        copy_file(given[f"{name}_picture"], out[name])
    for column in snakemake.params.volumes:
        key = f"sub-{keys.subject}_ses-{keys.session}_{column}"
        export_volume(given, column, key, out[column], settings.viewer_voxel_mm)


if __name__ == "__main__":
    run(main, snakemake)
