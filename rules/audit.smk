rule seal_subject:
    input:
        unpack(subject_measures),
        results=subject_results,
        images=subject_images,
    output:
        measures=subject_measures_file("{subject}"),
        seal=subject_seal("{subject}"),
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
        jobs=subject_logs,
        code=code("seal_subject"),
    message:
        "seal sub-{wildcards.subject}"
    script:
        "../scripts/seal_subject.py"


rule write_inventory:
    input:
        deliverables(),
    output:
        inventory=audit_file("inventory.tsv"),
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
        settings=plain(CONFIG),
        configs=[name_in(OUT, path) for path in (ROOT / "config/config.yaml", *workflow.overwrite_configfiles)],
        overrides=dict(workflow.config_settings.config or {}),
        workdir=name_in(OUT, "."),
        code=code("write_inventory"),
    message:
        "write the inventory"
    script:
        "../scripts/write_inventory.py"


rule write_ro_crate:
    input:
        inventory=audit_file("inventory.tsv"),
        workflow=os.path.relpath(ROOT / "Snakefile"),
        methods=methods_text(),
    output:
        crate=str(OUT / "ro-crate-metadata.json"),
        workflow=audit_file("Snakefile"),
        description=str(OUT / "dataset_description.json"),
        bidsignore=str(OUT / ".bidsignore"),
        sidecars=spatial_sidecars(),
        methods=[audit_file("methods.md")] if methods_text() else [],
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
        title=CONFIG.report.title,
        version=project_version(),
        code=code("write_ro_crate"),
    message:
        "write the RO-Crate"
    script:
        "../scripts/write_ro_crate.py"
