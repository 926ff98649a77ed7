from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/ingest.smk"
include: "rules/registration.smk"
include: "rules/calcification.smk"
include: "rules/small_vessel.smk"
include: "rules/vessel_wall.smk"
include: "rules/longitudinal.smk"
include: "rules/cohort.smk"
include: "rules/report.smk"
include: "rules/audit.smk"
include: "rules/seals.smk"


rule all:
    default_target: True
    input:
        deliverables(),
        open_results,
        audit_file("inventory.tsv"),
        str(OUT / "ro-crate-metadata.json"),
