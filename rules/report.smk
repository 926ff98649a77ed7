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


rule build_report:
    input:
        lambda wildcards: every_path(report_files() | {"sessions": []}),
        seals=of_subjects(subject_seal),
        templates=sorted(str(path) for path in (ROOT / "scripts/lib/report/templates").iterdir()),
    output:
        page=str(OUT / "report/index.html"),
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
        files=lambda wildcards: report_files(),
        code=code("build_report"),
    message:
        "build the report"
    script:
        "../scripts/build_report.py"
