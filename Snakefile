from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
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
        deliverables(STUDY),
        lambda wildcards: results_that_must_stay(STUDY, sealed()),
        audit_file(STUDY, "inventory.tsv"),
        STUDY.file("ro-crate-metadata.json"),


rule participants:
    input:
        finished_subjects(STUDY),
        lambda wildcards: results_that_must_stay(STUDY, sealed()),
