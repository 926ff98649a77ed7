rule plot_subject_qc:
    input:
        unpack(inputs_of("plot_subject_qc")),
    output:
        **outputs_of("plot_subject_qc"),
    log:
        log("plot_subject_qc"),
    benchmark:
        benchmark_path("plot_subject_qc")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2500),
        runtime=5,
    params:
        reference=of_session(reference_of),
        code=code("plot_subject_qc"),
    message:
        "plot quality checks: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/plot_subject_qc.py"


rule plot_change_qc:
    input:
        unpack(inputs_of("plot_change_qc")),
    output:
        **change_pictures(STUDY, "{subject}"),
    log:
        log("plot_change_qc", "subject"),
    benchmark:
        benchmark_path("plot_change_qc", "subject")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        sessions=of_visits(sessions_of),
        code=code("plot_change_qc"),
    message:
        "plot change between visits: sub-{wildcards.subject}"
    script:
        "../scripts/plot_change_qc.py"


rule export_session:
    input:
        unpack(inputs_of("export_session")),
    output:
        **exported(STUDY, "{subject}", "{session}"),
    log:
        log("export_session"),
    benchmark:
        benchmark_path("export_session")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2500),
        runtime=10,
    params:
        pictures=[*DRAWN, *MONTAGES],
        volumes=list(volumes(STUDY)),
        settings=settings("report.volumes"),
        code=code("export_session"),
    message:
        "export to the report: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/export_session.py"


rule build_report:
    input:
        lambda wildcards: report_tables(STUDY),
        seals=[seal_file(STUDY, subject) for subject in STUDY.subjects],
        parts=parts(),
        texts=texts(STUDY),
        niivue=niivue(STUDY),
    output:
        page=report_file(STUDY, "index.html"),
        methods=report_file(STUDY, "methods.html"),
        errors=of_images(STUDY, "errors.html"),
        review=of_images(STUDY, "review.html"),
        marks=of_images(STUDY, "marks.html"),
        analyses=analysis_pages(STUDY),
        lost=lost_page(STUDY),
        assets=assets(STUDY),
    log:
        log("build_report", ""),
    benchmark:
        benchmark_path("build_report", "")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=15,
    params:
        settings=plain(STUDY.config),
        pairs=PLAN.pairs,
        version=PLAN.version(),
        files=lambda wildcards: report_files(STUDY),
        code=code("build_report"),
    message:
        "build the report"
    script:
        "../scripts/build_report.py"
