rule collect_metrics:
    input:
        manifest=str(OUT / "manifest.tsv"),
        participants=clinical_table("participants.tsv"),
        phenotype=rating_tables(),
        measures=of_subjects(subject_measures_file),
        review=review_table(),
    output:
        patients=cohort_file("patients.tsv"),
        lesions=cohort_file("lesions.tsv"),
        change=cohort_file("change.tsv"),
        ratings=cohort_file("ratings.tsv"),
        clinical=cohort_file("clinical_tables.tsv"),
    log:
        log("collect_metrics", ""),
    benchmark:
        benchmark_path("collect_metrics", "")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=15,
    params:
        settings=settings("subjects", "vessel_wall.culprit"),
        pairs={subject: list(visits) for subject, visits in PAIRS.items()},
        code=code("collect_metrics"),
    message:
        "collect metrics of the cohort"
    script:
        "../scripts/collect_metrics.py"


rule build_attrition:
    input:
        tables=[analysis_table(analysis) for analysis in ANALYSES.values()],
        clinical=cohort_file("clinical_tables.tsv") if ROWS else [],
    output:
        attrition=cohort_file("attrition.tsv"),
        doubts=cohort_file("doubtful_values.tsv"),
        flow=[cohort_file(f"{name}_flow.svg") for name in ANALYSES],
        data=[analysis_data(name) for name in ANALYSES],
    log:
        log("build_attrition", ""),
    benchmark:
        benchmark_path("build_attrition", "")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=plain_analyses(ANALYSES) | {"session_order": CONFIG.session_order},
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
    conda:
        "../envs/environment.yaml"
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
    conda:
        "../envs/environment.yaml"
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
    conda:
        "../envs/environment.yaml"
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
    conda:
        "../envs/environment.yaml"
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
    conda:
        "../envs/environment.yaml"
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
    conda:
        "../envs/environment.yaml"
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
