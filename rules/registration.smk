rule register_ct_to_mri:
    input:
        unpack(inputs_of("register_ct_to_mri")),
    output:
        **outputs_of("register_ct_to_mri"),
    log:
        log("register_ct_to_mri", "subject", "session", "reference"),
    benchmark:
        benchmark_path("register_ct_to_mri", "subject", "session", "reference")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
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
        unpack(inputs_of("register_mri_contrasts")),
    output:
        **outputs_of("register_mri_contrasts"),
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
        unpack(inputs_of("register_mri_to_template")),
    output:
        **outputs_of("register_mri_to_template"),
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
        settings=settings("brain", "brain_tool", "registration.rigid", "registration.template"),
        code=code("register_mri_to_template"),
    message:
        "find the brain on {wildcards.reference}, register it to the template: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/register_mri_to_template.py"


rule check_registration:
    input:
        unpack(inputs_of("check_registration")),
    output:
        **outputs_of("check_registration"),
    log:
        log("check_registration"),
    benchmark:
        benchmark_path("check_registration")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=5,
    params:
        settings=settings("registration.review", "registration.rigid"),
        code=code("check_registration"),
    message:
        "check the CT's registration: sub-{wildcards.subject} ses-{wildcards.session}"
    script:
        "../scripts/check_registration.py"
