rule seal_subject:
    input:
        unpack(of_subject(sealed_inputs)),
    output:
        measures=measures_file(STUDY, "{subject}"),
        seal=seal_file(STUDY, "{subject}"),
    log:
        log("seal_subject", "subject"),
    benchmark:
        benchmark_path("seal_subject", "subject")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        jobs=of_subject(subject_logs),
        code=code("seal_subject"),
    message:
        "seal sub-{wildcards.subject}"
    script:
        "../scripts/seal_subject.py"


rule write_inventory:
    input:
        deliverables(STUDY),
    output:
        inventory=audit_file(STUDY, "inventory.tsv"),
    log:
        log("write_inventory", ""),
    benchmark:
        benchmark_path("write_inventory", "")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=plain(STUDY.config),
        configs=[name_in(STUDY.out, path) for path in (ROOT / "config/config.yaml", *workflow.overwrite_configfiles)],
        overrides=dict(workflow.config_settings.config or {}),
        workdir=name_in(STUDY.out, "."),
        code=code("write_inventory"),
    message:
        "write the inventory"
    script:
        "../scripts/write_inventory.py"


rule write_ro_crate:
    input:
        inventory=audit_file(STUDY, "inventory.tsv"),
        workflow=os.path.relpath(ROOT / "Snakefile"),
        methods=PLAN.methods_text(),
    output:
        crate=STUDY.file("ro-crate-metadata.json"),
        workflow=audit_file(STUDY, "Snakefile"),
        description=STUDY.file("dataset_description.json"),
        bidsignore=STUDY.file(".bidsignore"),
        sidecars=spatial_sidecars(STUDY),
        methods=[audit_file(STUDY, "methods.md")] if PLAN.methods_text() else [],
    log:
        log("write_ro_crate", ""),
    benchmark:
        benchmark_path("write_ro_crate", "")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        title=STUDY.config.report.title,
        version=PLAN.version(),
        code=code("write_ro_crate"),
    message:
        "write the RO-Crate"
    script:
        "../scripts/write_ro_crate.py"
