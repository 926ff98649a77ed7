"""The manifest's rows, the names of all files, settings and code digests."""

from functools import lru_cache
from itertools import groupby
import os
from pathlib import Path
import sys

from snakemake.exceptions import WorkflowError

from angiolith.runtime.code_digest import code_digest
from angiolith.core.config import plain, settings_of, validate
from angiolith.core.config.plan import check_plan, check_subjects, located
from angiolith.core.config.sources import ConfigError, read_config
from angiolith.core.manifest import (
    IMAGE_COLUMNS,
    REFERENCES,
    Index,
    IndexSettings,
    ManifestError,
    index_bids,
    index_manifest,
    manifest_text,
    read_manifest,
    read_report,
    report_text,
    session_notes,
    visit_pairs,
    write_if_changed,
)
from angiolith.core.manifest_checks import MASK_COLUMNS, WALL_READERS

ROOT = Path(workflow.basedir)

if " " in sys.executable:  # each job would fail, with a shell's words on a file that is not there
    raise WorkflowError(
        f"{sys.executable}: Snakemake cannot start jobs with a Python whose path holds blanks; "
        "move the project, or the environment that you use, to a folder without blanks and make it there again"
    )

try:
    CONFIG_FILES = [str(path) for path in workflow.overwrite_configfiles]
    if workflow.is_main_process:
        for path in CONFIG_FILES:
            read_config(path)
    CONFIG = validate(config, CONFIG_FILES)
    OUT = Path(CONFIG.output_dir)
    if workflow.is_main_process:
        check_plan(CONFIG, CONFIG_FILES)
    INDEX_SETTINGS = IndexSettings.of(CONFIG)
    if not workflow.is_main_process:  # a job on a cluster node plans from the rows of the run that sent it
        INDEX = Index(read_manifest(OUT / "manifest.tsv"), read_report(OUT / "manifest_report.tsv"))
    elif CONFIG.bids_dir:
        INDEX = index_bids(CONFIG.bids_dir, INDEX_SETTINGS)
    else:
        INDEX = index_manifest(CONFIG.manifest, INDEX_SETTINGS) if CONFIG.manifest else Index([], [])
    ROWS = INDEX.rows
    check_subjects(CONFIG, sorted({row.subject for row in ROWS}), CONFIG_FILES)
    if workflow.is_main_process:
        write_if_changed(manifest_text(ROWS), OUT / "manifest.tsv")
        write_if_changed(report_text(INDEX.files), OUT / "manifest_report.tsv")
except (ConfigError, ManifestError) as problem:
    raise WorkflowError(located(problem, CONFIG_FILES))

IMAGES = Path(CONFIG.bids_dir or Path(CONFIG.manifest or ".").parent)
if CONFIG.subjects is not None:
    ROWS = [row for row in ROWS if row.subject in CONFIG.subjects]
ROW = {row.key: row for row in ROWS}
SESSIONS = list(ROW)
SUBJECTS = sorted({row.subject for row in ROWS})
ROWS_OF = {subject: list(rows) for subject, rows in groupby(ROWS, key=lambda row: row.subject)}
PAIRS = visit_pairs(ROWS)
NOTES = session_notes(INDEX.files)
ANALYSES = CONFIG.analyses


wildcard_constraints:
    subject="[A-Za-z0-9]+",
    session="[A-Za-z0-9]+",
    contrast="T1w|T2w|FLAIR|swi|T2starw|vwi|vwi_ce|angio",
    reference="T1w|T2w|FLAIR|swi|T2starw|ct",
    analysis="[A-Za-z0-9_-]+",


def session_file(folder, suffix):
    """Path of a subject-session's file, `subject` and `session` as wildcards."""
    return str(OUT / "sub-{subject}/ses-{session}" / folder / f"sub-{{subject}}_ses-{{session}}_{suffix}")


def subject_file(suffix):
    """Path of a file that belongs to a subject's visits together."""
    return str(OUT / f"sub-{{subject}}/sub-{{subject}}_{suffix}")


def cohort_file(name):
    """Path of a file of the whole cohort."""
    return str(OUT / "cohort" / name)


def resource(name):
    """Path of a file that the project ships, as seen from the working folder: the same in every clone run in place."""
    return os.path.relpath(ROOT / "resources" / name)


def log(rule_name, *wildcards):
    """Log of a rule's job; by default one per subject-session."""
    return _book_path("logs", rule_name, wildcards, "log")


def benchmark_path(rule_name, *wildcards):
    """Benchmark of a rule's job; by default one per subject-session."""
    return _book_path("benchmarks", rule_name, wildcards, "tsv")


def _book_path(kind, rule_name, wildcards, ending):
    names = wildcards or ("subject", "session")
    stem = "_".join(f"{{{name}}}" for name in names if name)
    return str(OUT / kind / rule_name / f"{stem or 'cohort'}.{ending}")


def settings(*sections):
    """The sections of the configuration (dotted) that a rule depends on, as one dict of plain values: Snakemake compares
    only these. The script makes typed objects of them again (`step_settings`)."""
    return settings_of(CONFIG, *sections)


def code(rule_name):
    """Digest of the rule's script and of every project module that it imports."""
    return code_digest(ROOT / "scripts" / f"{rule_name}.py", ROOT)


def row_of(wildcards):
    return ROW[wildcards.subject, wildcards.session]


def image(column):
    """Input function: the image of this column of the manifest, or nothing where the session has none."""
    return lambda wildcards: image_of(row_of(wildcards), column) or []


def image_of(row, column):
    """Path of an image of the manifest's row, or None."""
    return image_path(row.values[column]) if column in row.values else None


@lru_cache(maxsize=None)
def image_path(given):
    """Path of an image that a manifest names."""
    return str(IMAGES / given)


def of_row(make):
    """Input function from a function of the manifest's row that returns a pattern, or None for no file."""

    def path(wildcards):
        row = row_of(wildcards)
        pattern = make(row)
        return pattern.format(subject=row.subject, session=row.session) if pattern else []

    return path


def has_mri(row):
    return row.reference in REFERENCES


def made_from(column, folder, suffix):
    """Input function: a file made from the image of this column, or nothing where the session has no such image."""
    return of_row(lambda row: row.get(column) and session_file(folder, suffix))


def checks():
    """What check_images found in the session."""
    return session_file("", "desc-check_images.json")


def template_facts():
    """Input function: status of the way from the session's reference to the template."""
    return of_row(
        lambda row: row.reference and session_file("anat", f"from-{row.reference}_to-MNI152_mode-image_xfm.json")
    )


def to_reference(column, ending=".tfm"):
    """Input function: the transform (or, with ".json", its sidecar) that resamples this image onto the session's
    reference; none for the reference itself, and none in a session without MRI."""

    def pattern(row):
        if not row.get(column) or row.reference == column or not has_mri(row):
            return None
        folder = "ct" if column == "ct" else "anat"
        return session_file(folder, f"from-{column}_to-{row.reference}_mode-image_xfm{ending}")

    return of_row(pattern)


def between_template_and_reference(source, target):
    """Input function: the displacement field between MNI152 and the session's reference (named `reference` here)."""

    def pattern(row):
        if row.reference is None:
            return None
        names = [row.reference if name == "reference" else name for name in (source, target)]
        return session_file("anat", f"from-{names[0]}_to-{names[1]}_mode-image_xfm.nii.gz")

    return of_row(pattern)


def brain_mask():
    """Input function: the brain mask on the grid of the session's reference."""
    return of_row(lambda row: row.reference and session_file("anat", f"space-{row.reference}_desc-brain_mask.nii.gz"))


def per_session(pattern, keep=lambda row: True):
    """Files of one pattern for every subject-session of the manifest that `keep` says yes to."""
    return [pattern.format(subject=row.subject, session=row.session) for row in ROWS if keep(row)]


onstart:
    # Snakemake's limit on job starts (100 a second unless set otherwise) sets a timer at every look for jobs, and each timer
    # looks again: a run of n jobs ends with n looks a second. Without a limit it looks when a job has ended.
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
