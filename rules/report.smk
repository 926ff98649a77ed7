rule plot_subject_qc:
    input:
        checks=checks(),
        reference=lambda wildcards: image_of(row_of(wildcards), row_of(wildcards).reference) or [],
        brain=brain_mask(),
        template=template_facts(),
        ct=image("ct"),
        ct_to_reference=to_reference("ct"),
        registration=made_from("ct", "ct", "desc-registration_qc.json"),
        arteries=made_from("ct", "ct", "space-ct_desc-arteries_dseg.nii.gz"),
        artery_facts=made_from("ct", "ct", "desc-arteries.json"),
        calcification=made_from("ct", "ct", "space-ct_desc-calcification_dseg.nii.gz"),
        calcification_facts=made_from("ct", "ct", "desc-calcification.json"),
        lesions=made_from("ct", "ct", "desc-calcification_lesions.tsv"),
        patient=made_from("ct", "ct", "desc-calcification_patient.tsv"),
        FLAIR=image("FLAIR"),
        wmh=made_from("FLAIR", "anat", "space-FLAIR_desc-wmh_mask.nii.gz"),
        tissues=made_from("FLAIR", "anat", "space-FLAIR_desc-tissues_dseg.nii.gz"),
        wmh_facts=made_from("FLAIR", "anat", "desc-wmh.json"),
        small_vessel=made_from("FLAIR", "anat", "desc-smallvessel_metrics.tsv"),
        vwi=image("vwi"),
        plaque=made_from("vwi", "vwi", "desc-plaque_metrics.tsv"),
        contours=made_from("vwi", "vwi", "desc-plaque_contours.tsv"),
    output:
        registration=session_file("figures", "desc-registration_qc.png"),
        calcification=session_file("figures", "desc-calcification_qc.png"),
        wmh=session_file("figures", "desc-wmh_qc.png"),
        wall=session_file("figures", "desc-wall_qc.png"),
    log:
        log("plot_subject_qc"),
    benchmark:
        benchmark_path("plot_subject_qc")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=5,
    params:
        reference=lambda wildcards: row_of(wildcards).reference,
        code=code("plot_subject_qc"),
    message:
        "plot quality checks: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/plot_subject_qc.py"


rule plot_change_qc:
    input:
        **both_visits(
            checks=of_row(lambda row: checks()), FLAIR=image("FLAIR"), FLAIR_to_reference=to_reference("FLAIR")
        ),
        change=subject_file("desc-change_metrics.tsv"),
        motion=subject_file("from-last_to-first_mode-image_xfm.tfm"),
        lesions=subject_file("space-halfway_desc-wmhchange_dseg.nii.gz"),
    output:
        picture=change_picture("{subject}"),
        shown=change_shown("{subject}"),
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
        sessions=lambda wildcards: list(PAIRS[wildcards.subject]),
        code=code("plot_change_qc"),
    message:
        "plot change between visits: sub-{wildcards.subject}"
    script:
        "../scripts/plot_change_qc.py"


rule export_session:
    input:
        **{f"{name}_picture": session_file("figures", f"desc-{name}_qc.png") for name in QC_PICTURES},
        **{name: image(name) for name in VIEWER_IMAGES},
        **{f"{name}_to_reference": to_reference(name) for name in VIEWER_IMAGES},
        checks=checks(),
        arteries=made_from("ct", "ct", "space-ct_desc-arteries_dseg.nii.gz"),
        artery_names=made_from("ct", "ct", "space-ct_desc-arteries_dseg.tsv"),
        calcification=made_from("ct", "ct", "space-ct_desc-calcification_dseg.nii.gz"),
        lesions=made_from("ct", "ct", "desc-calcification_lesions.tsv"),
        wmh=made_from("FLAIR", "anat", "space-FLAIR_desc-wmh_mask.nii.gz"),
        lacunes=made_from("FLAIR", "anat", "desc-lacunes_dseg.nii.gz"),
        microbleeds=of_row(
            lambda row: (row.get("swi") or row.get("T2starw")) and session_file("anat", "desc-microbleeds_dseg.nii.gz")
        ),
        contours=made_from("vwi", "vwi", "desc-plaque_contours.tsv"),
    output:
        **{name: report_file(f"pictures/sub-{{subject}}_ses-{{session}}_desc-{name}_qc.png") for name in QC_PICTURES},
        **{name: report_file(f"volumes/sub-{{subject}}_ses-{{session}}_{name}.js") for name in VIEWER_IMAGES},
    log:
        log("export_session"),
    benchmark:
        benchmark_path("export_session")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=10,
    params:
        pictures=list(QC_PICTURES),
        volumes=list(VIEWER_IMAGES),
        settings=settings("report.volumes"),
        code=code("export_session"),
    message:
        "export to the report: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/export_session.py"


rule build_report:
    input:
        lambda wildcards: report_tables(),
        seals=of_subjects(subject_seal),
        parts=REPORT_ASSETS + REPORT_TEMPLATES,
        texts=CONFIG.report.texts or str(ROOT / "angiolith/report/texts.yaml"),
        niivue=NIIVUE,
    output:
        page=report_file("index.html"),
        methods=report_file("methods.html"),
        errors=[report_file("errors.html")] if ROWS else [],
        review=[report_file("review.html")] if ROWS else [],
        lost=lost_page(),
        assets=[report_asset(path) for path in [*REPORT_ASSETS, *NIIVUE]],
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
        settings=plain(CONFIG),
        pairs={subject: list(visits) for subject, visits in PAIRS.items()},
        version=project_version(),
        files=lambda wildcards: report_files(),
        code=code("build_report"),
    message:
        "build the report"
    script:
        "../scripts/build_report.py"
