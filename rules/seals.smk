"""Finished subjects are sealed, and left out of the graph while nothing of theirs changes (docs/scale.md).

Included after all rules that make a subject's files: a seal is judged by them.
"""

from functools import lru_cache

from snakemake.logging import logger

from angiolith.runtime.records import sha256
from angiolith.runtime.seals import Seals, digest, rules_digest
from angiolith.runtime.snakemake_adapter import ended, is_forced, leave_out, plain_params, rerun_triggers

COHORT_SETTINGS = {
    "analyses",
    "review",
    "decisions",
    "printed_tables",
    "report",
    "participants",
    "phenotype_dir",
    "subjects",
    "sessions",
}
COVERED_TRIGGERS = {"MTIME", "PARAMS", "INPUT", "SOFTWARE_ENV"}
REASONS_SHOWN = 5
NEEDED_TRIGGERS = {"MTIME", "PARAMS", "INPUT"}
RULES = (
    rules_digest([ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]) if workflow.is_main_process else None
)


def subject_plans():
    """Subject -> digest of all that decides which jobs the subject has, besides the contents of files."""
    common = digest(
        RULES,
        PLAN.planning_code(),
        STUDY.config.model_dump(mode="json", exclude=COHORT_SETTINGS),
        plain_params(workflow, "subject"),
        [sha256(path) for path in sorted((ROOT / "resources").rglob("*")) if path.is_file()],
        (ROOT / "envs/environment.yaml").read_text(encoding="utf-8"),
    )
    return {subject: digest(common, subject_facts(STUDY, subject)) for subject in STUDY.subjects}


@lru_cache(maxsize=1)
def seals():
    return Seals(STUDY.out, subject_plans())


@lru_cache(maxsize=1)
def sealed():
    """Subjects to be left out: those whose seal holds, where Snakemake is asked what a seal answers. Known only when
    the graph is built: before, Snakemake's own settings are not there."""
    if not workflow.is_main_process:
        return frozenset()
    today = seals()  # in any case: the plans that a run ends with are those that it began with
    forced = is_forced(workflow) or "ANGIOLITH_IGNORE_SEALS" in os.environ
    found = frozenset() if forced or not rerun_triggers(workflow) <= COVERED_TRIGGERS else frozenset(today.sealed())
    if found or today.reasons:
        logger.info(
            f"{len(found)} finished subjects are sealed and left out, {len(STUDY.subjects) - len(found)} are open"
        )
    for subject, why in sorted(today.reasons.items())[:REASONS_SHOWN]:
        logger.info(f"sub-{subject} is open: {why}")
    return found


@lru_cache(maxsize=1)
def sealed_files():
    return frozenset(
        path for subject in sealed() for path in (seal_file(STUDY, subject), measures_file(STUDY, subject))
    )


def stamp_finished():
    """Note the plan of every subject whose jobs have all ended; not where Snakemake was asked to judge by less."""
    if NEEDED_TRIGGERS <= rerun_triggers(workflow):
        seals().stamp(job.wildcards.subject for job in ended(workflow, "seal_subject"))


leave_out(workflow.get_rule("seal_subject"), sealed_files)


onsuccess:
    stamp_finished()


onerror:
    stamp_finished()
