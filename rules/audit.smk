from scripts.lib.audit.records import name_in


def deliverables():
    """What a run is for: everything that the inventory lists follows from these."""
    return [
        *per_session(session_file("", "desc-check_images.json")),
        *per_session(session_file("ct", "desc-registration_qc.json"), lambda row: row.get("ct")),
        *cohort_tables(),
        str(OUT / "report/index.html"),
    ]


def audit_file(name):
    """Path of a file about the run as a whole."""
    return str(OUT / "audit" / name)


rule write_inventory:
    input:
        deliverables(),
    output:
        inventory=audit_file("inventory.tsv"),
    log:
        log("write_inventory", ""),
    benchmark:
        benchmark_path("write_inventory", "")
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
