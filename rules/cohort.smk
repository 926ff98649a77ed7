import re

PIPELINE_TABLES = {name: cohort_file(f"{name}.tsv") for name in ("patients", "lesions")}


def with_ct(suffix):
    """Files made on the CT, of every subject-session that has one."""
    return per_session(session_file("ct", suffix), lambda row: row.get("ct"))


def clinical_table(name):
    """participants.tsv: the configured one, which must exist, or the one in the BIDS folder if there is one."""
    given = CONFIG.participants
    found = given or (str(IMAGES / name) if (IMAGES / name).is_file() else None)
    return found or []


def rating_tables():
    """Readers' ratings: every table of the phenotype folder."""
    folder = Path(CONFIG.phenotype_dir or IMAGES / "phenotype")
    if CONFIG.phenotype_dir and not folder.is_dir():
        raise WorkflowError(f"{folder}: no such folder (phenotype_dir)")
    return sorted(str(path) for path in folder.glob("*.tsv")) if ROWS else []


def analysis_table(analysis):
    """The table that an analysis starts from: one of the pipeline's, or the user's file."""
    if analysis.table in PIPELINE_TABLES and not ROWS:
        raise WorkflowError(
            f"the table {analysis.table!r} needs images: give bids_dir or manifest, or a table of your own"
        )
    return PIPELINE_TABLES.get(analysis.table, analysis.table)


def analysis_data(name):
    """The rows that are analysed."""
    return cohort_file(f"{name}_data.tsv")


def analyses_with(*questions):
    """The analyses that ask one of these questions (`describe`, `predictors`, ...), by name."""
    return {name: analysis for name, analysis in ANALYSES.items() if any(getattr(analysis, key) for key in questions)}


def cohort_tables():
    """Every table of the cohort that the images and the analyses of the configuration make."""
    collected = ("patients", "lesions", "change", "ratings")
    tables = [cohort_file(f"{name}.tsv") for name in collected] if ROWS else []
    tables += [cohort_file(name) for name in ("attrition.tsv", "doubtful_values.tsv")] if ANALYSES else []
    tables += [cohort_file(f"{name}_flow.svg") for name in ANALYSES]
    tables += [cohort_file(f"{name}_audit.tsv") for name in CONFIG.printed_tables]
    tables += [cohort_file("agreement.tsv")] if ROWS or analyses_with("agreement") else []
    for questions, endings in (
        (("describe",), ("table1.tsv", "table1_printed.tsv", "table1.md", "table1.docx")),
        (("predictors", "formulas"), ("associations.tsv", "diagnostics.tsv")),
        (("markers", "changes", "marker_models"), ("correlations.tsv", "markers.tsv")),
        (("changes",), ("change.tsv", "power.tsv")),
    ):
        tables += [cohort_file(f"{name}_{ending}") for name in analyses_with(*questions) for ending in endings]
    return tables


def plain_analyses(analyses):
    return {"analyses": {name: plain(analysis) for name, analysis in analyses.items()}}


def one_analysis(wildcards):
    return {"analysis": plain(ANALYSES[wildcards.analysis])}


rule collect_metrics:
    input:
        manifest=str(OUT / "manifest.tsv"),
        participants=clinical_table("participants.tsv"),
        phenotype=rating_tables(),
        calcification=with_ct("desc-calcification_patient.tsv"),
        calcification_arteries=with_ct("desc-calcification_arteries.tsv"),
        calcification_lesions=with_ct("desc-calcification_lesions.tsv"),
        small_vessel=per_session(session_file("anat", "desc-smallvessel_metrics.tsv"), has_small_vessel_images),
        plaque=per_session(session_file("vwi", "desc-plaque_metrics.tsv"), lambda row: row.get("vwi")),
        change=[subject_file("desc-change_metrics.tsv").format(subject=subject) for subject in PAIRS],
    output:
        patients=cohort_file("patients.tsv"),
        lesions=cohort_file("lesions.tsv"),
        change=cohort_file("change.tsv"),
        ratings=cohort_file("ratings.tsv"),
    log:
        log("collect_metrics", ""),
    benchmark:
        benchmark_path("collect_metrics", "")
    threads: 1
    resources:
        mem_mb=1500,
        runtime=15,
    params:
        settings={"subjects": CONFIG.subjects},
        code=code("collect_metrics"),
    message:
        "collect metrics of the cohort"
    script:
        "../scripts/collect_metrics.py"


rule build_attrition:
    input:
        tables=[analysis_table(analysis) for analysis in ANALYSES.values()],
    output:
        attrition=cohort_file("attrition.tsv"),
        doubts=cohort_file("doubtful_values.tsv"),
        flow=[cohort_file(f"{name}_flow.svg") for name in ANALYSES],
        data=[analysis_data(name) for name in ANALYSES],
    log:
        log("build_attrition", ""),
    benchmark:
        benchmark_path("build_attrition", "")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=plain_analyses(ANALYSES),
        files={
            name: {
                "table": analysis_table(analysis),
                "data": analysis_data(name),
                "flow": cohort_file(f"{name}_flow.svg"),
            }
            for name, analysis in ANALYSES.items()
        },
        code=code("build_attrition"),
    message:
        "build attrition of the analyses"
    script:
        "../scripts/build_attrition.py"


rule describe_cohort:
    input:
        data=analysis_data("{analysis}"),
    output:
        table1=cohort_file("{analysis}_table1.tsv"),
        printed=cohort_file("{analysis}_table1_printed.tsv"),
        markdown=cohort_file("{analysis}_table1.md"),
        docx=cohort_file("{analysis}_table1.docx"),
    log:
        log("describe_cohort", "analysis"),
    benchmark:
        benchmark_path("describe_cohort", "analysis")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=one_analysis,
        code=code("describe_cohort"),
    message:
        "describe cohort: {wildcards.analysis}"
    script:
        "../scripts/describe_cohort.py"


rule fit_associations:
    input:
        data=analysis_data("{analysis}"),
    output:
        associations=cohort_file("{analysis}_associations.tsv"),
        diagnostics=cohort_file("{analysis}_diagnostics.tsv"),
    log:
        log("fit_associations", "analysis"),
    benchmark:
        benchmark_path("fit_associations", "analysis")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=one_analysis,
        code=code("fit_associations"),
    message:
        "fit associations: {wildcards.analysis}"
    script:
        "../scripts/fit_associations.py"


rule correlate_severity:
    input:
        data=analysis_data("{analysis}"),
    output:
        correlations=cohort_file("{analysis}_correlations.tsv"),
        markers=cohort_file("{analysis}_markers.tsv"),
    log:
        log("correlate_severity", "analysis"),
    benchmark:
        benchmark_path("correlate_severity", "analysis")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=one_analysis,
        code=code("correlate_severity"),
    message:
        "correlate severity: {wildcards.analysis}"
    script:
        "../scripts/correlate_severity.py"


rule fit_change:
    input:
        data=analysis_data("{analysis}"),
    output:
        change=cohort_file("{analysis}_change.tsv"),
        power=cohort_file("{analysis}_power.tsv"),
    log:
        log("fit_change", "analysis"),
    benchmark:
        benchmark_path("fit_change", "analysis")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=one_analysis,
        code=code("fit_change"),
    message:
        "fit change: {wildcards.analysis}"
    script:
        "../scripts/fit_change.py"


rule assess_agreement:
    input:
        ratings=cohort_file("ratings.tsv") if ROWS else [],
        data=[analysis_data(name) for name in analyses_with("agreement")],
    output:
        agreement=cohort_file("agreement.tsv"),
        plots=cohort_file("agreement.png"),
    log:
        log("assess_agreement", ""),
    benchmark:
        benchmark_path("assess_agreement", "")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=plain_analyses(analyses_with("agreement")),
        data={name: analysis_data(name) for name in analyses_with("agreement")},
        code=code("assess_agreement"),
    message:
        "assess agreement of the raters"
    script:
        "../scripts/assess_agreement.py"


rule audit_table:
    input:
        printed=lambda wildcards: CONFIG.printed_tables[wildcards.printed],
    output:
        audit=cohort_file("{printed}_audit.tsv"),
    log:
        log("audit_table", "printed"),
    benchmark:
        benchmark_path("audit_table", "printed")
    wildcard_constraints:
        printed="|".join(map(re.escape, CONFIG.printed_tables)) or "none",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code("audit_table"),
    message:
        "audit the printed table {wildcards.printed}"
    script:
        "../scripts/audit_table.py"
