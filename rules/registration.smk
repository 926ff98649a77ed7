rule register_ct_to_mri:
    input:
        fixed=lambda wildcards: image(wildcards.reference)(wildcards),
        moving=image("ct"),
        checks=checks(),
    output:
        transform=session_file("ct", "from-ct_to-{reference}_mode-image_xfm.tfm"),
        facts=session_file("ct", "from-ct_to-{reference}_mode-image_xfm.json"),
    log:
        log("register_ct_to_mri", "subject", "session", "reference"),
    benchmark:
        benchmark_path("register_ct_to_mri", "subject", "session", "reference")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        settings=settings("registration.rigid"),
        code=code("register_ct_to_mri"),
    message:
        "register CT to {wildcards.reference}: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/register_ct_to_mri.py"


rule register_mri_contrasts:
    input:
        fixed=lambda wildcards: image(wildcards.reference)(wildcards),
        moving=lambda wildcards: image(wildcards.contrast)(wildcards),
        checks=checks(),
    output:
        transform=session_file("anat", "from-{contrast}_to-{reference}_mode-image_xfm.tfm"),
        facts=session_file("anat", "from-{contrast}_to-{reference}_mode-image_xfm.json"),
    log:
        log("register_mri_contrasts", "subject", "session", "contrast", "reference"),
    benchmark:
        benchmark_path("register_mri_contrasts", "subject", "session", "contrast", "reference")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=15,
    params:
        settings=settings("registration.rigid"),
        code=code("register_mri_contrasts"),
    message:
        "register {wildcards.contrast} to {wildcards.reference}: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/register_mri_contrasts.py"


rule register_mri_to_template:
    input:
        reference=lambda wildcards: image(wildcards.reference)(wildcards),
        checks=checks(),
    output:
        to_template=session_file("anat", "from-{reference}_to-MNI152_mode-image_xfm.nii.gz"),
        from_template=session_file("anat", "from-MNI152_to-{reference}_mode-image_xfm.nii.gz"),
        brain=session_file("anat", "space-{reference}_desc-brain_mask.nii.gz"),
        facts=session_file("anat", "from-{reference}_to-MNI152_mode-image_xfm.json"),
    log:
        log("register_mri_to_template", "subject", "session", "reference"),
    benchmark:
        benchmark_path("register_mri_to_template", "subject", "session", "reference")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=20,
    params:
        settings=settings("registration.rigid", "registration.template"),
        code=code("register_mri_to_template"),
    message:
        "register {wildcards.reference} to the template: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/register_mri_to_template.py"


rule check_registration:
    input:
        ct=image("ct"),
        mri=lambda wildcards: image(row_of(wildcards).reference)(wildcards) if has_mri(row_of(wildcards)) else [],
        transform=to_reference("ct"),
        facts=to_reference("ct", ".json"),
        template=template_facts(),
    output:
        checks=session_file("ct", "desc-registration_qc.json"),
    log:
        log("check_registration"),
    benchmark:
        benchmark_path("check_registration")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        settings=settings("registration.review"),
        code=code("check_registration"),
    message:
        "check the CT's registration: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/check_registration.py"
