"""What the rules are written with: the study that is planned, and the functions that name what a rule reads and makes."""

from pathlib import Path
import os

from snakemake.exceptions import WorkflowError

from angiolith.arteries.step import mask_space
from angiolith.audit.files import (
    audit_file,
    deliverables,
    finished_subjects,
    measures_file,
    results_that_must_stay,
    seal_file,
    sealed_inputs,
    spatial_sidecars,
    subject_facts,
    subject_logs,
)
from angiolith.calcification.step import decisions
from angiolith.change.step import acq_times, references, sessions_of
from angiolith.cohort.files import (
    analysed_rows,
    analyses_with,
    analysis_files,
    cohort_file,
    collected,
    dictionaries,
    flow_picture,
    participants,
    plain_analyses,
    printed_files,
    rating_tables,
    review_table,
    sources_of,
)
from angiolith.core.config import plain
from angiolith.core.config.plan import located
from angiolith.core.config.sources import ConfigError
from angiolith.core.manifest import ManifestError
from angiolith.core.study import Session
from angiolith.pictures.step import DRAWN, MONTAGES, change_pictures, exported, reference_of, volumes
from angiolith.report.files import (
    analysis_pages,
    assets,
    lost_page,
    niivue,
    of_images,
    parts,
    report_file,
    report_files,
    report_tables,
    texts,
)
from angiolith.runtime.memory import memory
from angiolith.runtime.plan import Plan, check_python, load_study, printed_names
from angiolith.runtime.paths import require_package_of
from angiolith.runtime.records import name_in
from angiolith.runtime.snakemake_adapter import drop_default_start_limit
from angiolith.small_vessel.perivascular.step import pvs_decisions
from angiolith.small_vessel.step import spot_decisions
from angiolith.vessel_wall.step import plaque_decisions

ROOT = Path(workflow.basedir)

try:
    require_package_of(ROOT)
except RuntimeError as problem:
    raise WorkflowError(str(problem))

try:
    check_python()
    STUDY = load_study(config, ROOT, workflow.overwrite_configfiles, workflow.is_main_process)
except (ConfigError, ManifestError) as problem:
    raise WorkflowError(located(problem, [str(path) for path in workflow.overwrite_configfiles]))

PLAN = Plan(STUDY, ROOT)
inputs_of, outputs_of = PLAN.inputs_of, PLAN.outputs_of
of_session, of_visits, of_subject = PLAN.of_session, PLAN.of_visits, PLAN.of_subject
log, benchmark_path, settings, code = PLAN.log, PLAN.benchmark_path, PLAN.settings, PLAN.code


wildcard_constraints:
    subject="[A-Za-z0-9]+",
    session="[A-Za-z0-9]+",
    contrast="T1w|T2w|FLAIR|swi|T2starw|vwi|vwi_ce|angio|dwi",
    reference="T1w|T2w|FLAIR|swi|T2starw|ct",
    analysis="[A-Za-z0-9_-]+",


onstart:
    drop_default_start_limit(workflow)
