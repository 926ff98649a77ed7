import tomllib

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


def project_version():
    """The project's version, or n/a in a copy without pyproject.toml."""
    path = ROOT / "pyproject.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"] if path.is_file() else "n/a"


def spatial_sidecars():
    """Sidecars that BIDS wants of label maps, one for each space and kind (they are inherited by all subjects)."""
    kinds = {(row.reference, "mask") for row in ROWS if row.reference}
    kinds |= {("FLAIR", kind) for row in ROWS if row.get("FLAIR") for kind in ("dseg", "mask")}
    return [str(OUT / f"space-{space}_{kind}.json") for space, kind in sorted(kinds)]


rule write_ro_crate:
    input:
        inventory=audit_file("inventory.tsv"),
        workflow=os.path.relpath(ROOT / "Snakefile"),
    output:
        crate=str(OUT / "ro-crate-metadata.json"),
        workflow=audit_file("Snakefile"),
        description=str(OUT / "dataset_description.json"),
        bidsignore=str(OUT / ".bidsignore"),
        sidecars=spatial_sidecars(),
    log:
        log("write_ro_crate", ""),
    benchmark:
        benchmark_path("write_ro_crate", "")
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
