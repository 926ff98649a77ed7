rule collect_metrics:
    input:
        manifest=STUDY.file("manifest.tsv"),
        participants=participants(STUDY),
        phenotype=rating_tables(STUDY),
        dictionaries=dictionaries(STUDY),
        measures=[measures_file(STUDY, subject) for subject in STUDY.subjects],
        review=review_table(STUDY),
        decisions=STUDY.config.decisions,
    output:
        patients=cohort_file(STUDY, "patients.tsv"),
        lesions=cohort_file(STUDY, "lesions.tsv"),
        change=cohort_file(STUDY, "change.tsv"),
        ratings=cohort_file(STUDY, "ratings.tsv"),
        marks=cohort_file(STUDY, "marks.tsv"),
        clinical=cohort_file(STUDY, "clinical_tables.tsv"),
        burden=cohort_file(STUDY, "burden.tsv"),
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
        settings=settings("subjects", "vessel_wall.culprit", "burden"),
        pairs=PLAN.pairs,
        code=code("collect_metrics"),
    message:
        "collect metrics of the cohort"
    script:
        "../scripts/collect_metrics.py"


rule build_attrition:
    input:
        tables=[files["table"] for files in analysis_files(STUDY).values()],
        clinical=collected(STUDY, "clinical_tables"),
    output:
        attrition=cohort_file(STUDY, "attrition.tsv"),
        doubts=cohort_file(STUDY, "doubtful_values.tsv"),
        missing=cohort_file(STUDY, "missing_columns.tsv"),
        flow=[flow_picture(STUDY, name) for name in STUDY.config.analyses],
        data=[analysed_rows(STUDY, name) for name in STUDY.config.analyses],
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
        settings=plain_analyses(STUDY.config.analyses) | settings("session_order"),
        files=analysis_files(STUDY),
        code=code("build_attrition"),
    message:
        "build attrition of the analyses"
    script:
        "../scripts/build_attrition.py"


rule describe_cohort:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
        dictionaries=dictionaries(STUDY),
    output:
        table1=cohort_file(STUDY, "{analysis}_table1.tsv"),
        printed=printed_files(STUDY, "{analysis}_table1"),
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
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("describe_cohort"),
    message:
        "describe cohort: {wildcards.analysis}"
    script:
        "../scripts/describe_cohort.py"


rule fit_associations:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
        dictionaries=dictionaries(STUDY),
    output:
        associations=cohort_file(STUDY, "{analysis}_associations.tsv"),
        diagnostics=cohort_file(STUDY, "{analysis}_diagnostics.tsv"),
        printed=printed_files(STUDY, "{analysis}_models"),
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
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("fit_associations"),
    message:
        "fit associations: {wildcards.analysis}"
    script:
        "../scripts/fit_associations.py"


rule fit_splines:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
        dictionaries=dictionaries(STUDY),
    output:
        tests=cohort_file(STUDY, "{analysis}_splines.tsv"),
        curves=cohort_file(STUDY, "{analysis}_splines_course.tsv"),
        figure=cohort_file(STUDY, "{analysis}_splines.svg"),
    log:
        log("fit_splines", "analysis"),
    benchmark:
        benchmark_path("fit_splines", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("fit_splines"),
    message:
        "fit splines: {wildcards.analysis}"
    script:
        "../scripts/fit_splines.py"


rule fit_interactions:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
        dictionaries=dictionaries(STUDY),
    output:
        interactions=cohort_file(STUDY, "{analysis}_interactions.tsv"),
        figure=cohort_file(STUDY, "{analysis}_interactions.svg"),
    log:
        log("fit_interactions", "analysis"),
    benchmark:
        benchmark_path("fit_interactions", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("fit_interactions"),
    message:
        "fit interactions: {wildcards.analysis}"
    script:
        "../scripts/fit_interactions.py"


rule fit_outcomes:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
        dictionaries=dictionaries(STUDY),
    output:
        curves=cohort_file(STUDY, "{analysis}_curves.tsv"),
        risks=cohort_file(STUDY, "{analysis}_risks.tsv"),
        hazards=cohort_file(STUDY, "{analysis}_hazards.tsv"),
        figure=cohort_file(STUDY, "{analysis}_curves.svg"),
    log:
        log("fit_outcomes", "analysis"),
    benchmark:
        benchmark_path("fit_outcomes", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("fit_outcomes"),
    message:
        "fit outcomes over time: {wildcards.analysis}"
    script:
        "../scripts/fit_outcomes.py"


rule vary_models:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
        sources=lambda wildcards: sources_of(STUDY, wildcards.analysis),
    output:
        specifications=cohort_file(STUDY, "{analysis}_specifications.tsv"),
        summary=cohort_file(STUDY, "{analysis}_specifications_summary.tsv"),
        figure=cohort_file(STUDY, "{analysis}_specifications.svg"),
    log:
        log("vary_models", "analysis"),
    benchmark:
        benchmark_path("vary_models", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("vary_models"),
    message:
        "vary models: {wildcards.analysis}"
    script:
        "../scripts/vary_models.py"


rule estimate_mediation:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        mediation=cohort_file(STUDY, "{analysis}_mediation.tsv"),
    log:
        log("estimate_mediation", "analysis"),
    benchmark:
        benchmark_path("estimate_mediation", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("estimate_mediation"),
    message:
        "estimate mediation: {wildcards.analysis}"
    script:
        "../scripts/estimate_mediation.py"


rule plan_next_study:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        sizes=cohort_file(STUDY, "{analysis}_next_study.tsv"),
    log:
        log("plan_next_study", "analysis"),
    benchmark:
        benchmark_path("plan_next_study", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("plan_next_study"),
    message:
        "plan the next study: {wildcards.analysis}"
    script:
        "../scripts/plan_next_study.py"


rule size_effects:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        effect_sizes=cohort_file(STUDY, "{analysis}_effect_sizes.tsv"),
    log:
        log("size_effects", "analysis"),
    benchmark:
        benchmark_path("size_effects", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("size_effects"),
    message:
        "size effects: {wildcards.analysis}"
    script:
        "../scripts/size_effects.py"


rule check_zeros:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        zeros=cohort_file(STUDY, "{analysis}_zeros.tsv"),
    log:
        log("check_zeros", "analysis"),
    benchmark:
        benchmark_path("check_zeros", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("check_zeros"),
    message:
        "check zeros of counts: {wildcards.analysis}"
    script:
        "../scripts/check_zeros.py"


rule correct_error:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        corrected=cohort_file(STUDY, "{analysis}_error_corrected.tsv"),
    log:
        log("correct_error", "analysis"),
    benchmark:
        benchmark_path("correct_error", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("correct_error"),
    message:
        "correct error of measurement: {wildcards.analysis}"
    script:
        "../scripts/correct_error.py"


rule compare_sites:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        sites=cohort_file(STUDY, "{analysis}_sites.tsv"),
    log:
        log("compare_sites", "analysis"),
    benchmark:
        benchmark_path("compare_sites", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("compare_sites"),
    message:
        "compare sites: {wildcards.analysis}"
    script:
        "../scripts/compare_sites.py"


rule chart_drift:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
        dictionaries=dictionaries(STUDY),
    output:
        summary=cohort_file(STUDY, "{analysis}_drift.tsv"),
        points=cohort_file(STUDY, "{analysis}_drift_points.tsv"),
        figure=cohort_file(STUDY, "{analysis}_drift.svg"),
    log:
        log("chart_drift", "analysis"),
    benchmark:
        benchmark_path("chart_drift", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("chart_drift"),
    message:
        "chart drift: {wildcards.analysis}"
    script:
        "../scripts/chart_drift.py"


rule harmonise_sites:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        harmonised=cohort_file(STUDY, "{analysis}_harmonised.tsv"),
        sites=cohort_file(STUDY, "{analysis}_harmonisation.tsv"),
    log:
        log("harmonise_sites", "analysis"),
    benchmark:
        benchmark_path("harmonise_sites", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("harmonise_sites"),
    message:
        "harmonise sites: {wildcards.analysis}"
    script:
        "../scripts/harmonise_sites.py"


rule export_aggregates:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        bundle=cohort_file(STUDY, "{analysis}_bundle.json"),
    log:
        log("export_aggregates", "analysis"),
    benchmark:
        benchmark_path("export_aggregates", "analysis")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("export_aggregates"),
    message:
        "export aggregates: {wildcards.analysis}"
    script:
        "../scripts/export_aggregates.py"


rule correlate_severity:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        correlations=cohort_file(STUDY, "{analysis}_correlations.tsv"),
        markers=cohort_file(STUDY, "{analysis}_markers.tsv"),
        cuts=cohort_file(STUDY, "{analysis}_cuts.tsv"),
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
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("correlate_severity"),
    message:
        "correlate severity: {wildcards.analysis}"
    script:
        "../scripts/correlate_severity.py"


rule fit_change:
    input:
        data=analysed_rows(STUDY, "{analysis}"),
    output:
        change=cohort_file(STUDY, "{analysis}_change.tsv"),
        power=cohort_file(STUDY, "{analysis}_power.tsv"),
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
        settings=lambda wildcards: {"analysis": plain(STUDY.config.analyses[wildcards.analysis])},
        code=code("fit_change"),
    message:
        "fit change: {wildcards.analysis}"
    script:
        "../scripts/fit_change.py"


rule assess_agreement:
    input:
        ratings=collected(STUDY, "ratings"),
        data=[analysed_rows(STUDY, name) for name in analyses_with(STUDY, "agreement")],
    output:
        agreement=cohort_file(STUDY, "agreement.tsv"),
        plots=cohort_file(STUDY, "agreement.png"),
        vector=cohort_file(STUDY, "agreement.svg"),
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
        settings=plain_analyses(analyses_with(STUDY, "agreement")),
        data={name: analysed_rows(STUDY, name) for name in analyses_with(STUDY, "agreement")},
        code=code("assess_agreement"),
    message:
        "assess agreement of the raters"
    script:
        "../scripts/assess_agreement.py"


rule audit_table:
    input:
        printed=lambda wildcards: STUDY.config.printed_tables[wildcards.printed],
    output:
        audit=cohort_file(STUDY, "{printed}_audit.tsv"),
    log:
        log("audit_table", "printed"),
    benchmark:
        benchmark_path("audit_table", "printed")
    wildcard_constraints:
        printed=printed_names(STUDY.config),
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
