"""Finished subjects are sealed, and left out of the graph while nothing of theirs changes (docs/scale.md).

Included after all rules that make a subject's files: a seal is judged by them.
"""

from functools import lru_cache

from snakemake.logging import logger

from angiolith.runtime.seals import Seals, digest, rules_digest

COHORT_SETTINGS = {"analyses", "review", "printed_tables", "report", "participants", "phenotype_dir", "subjects"}
COVERED_TRIGGERS = {"MTIME", "PARAMS", "INPUT", "SOFTWARE_ENV"}
REASONS_SHOWN = 5
NEEDED_TRIGGERS = {"MTIME", "PARAMS", "INPUT"}
RULES = (
    rules_digest([ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]) if workflow.is_main_process else None
)


def subject_plans():
    """Subject -> digest of all that decides which jobs the subject has, besides the contents of files."""
    of_subject = [each for each in workflow.rules if "subject" in each.wildcard_names]
    common = digest(
        RULES,
        PLAN.planning_code(),
        STUDY.config.model_dump(mode="json", exclude=COHORT_SETTINGS),
        {each.name: [value for value in each.params if not callable(value)] for each in of_subject},
        [path.read_text(encoding="utf-8") for path in sorted((ROOT / "resources").rglob("*")) if path.is_file()],
        (ROOT / "envs/environment.yaml").read_text(encoding="utf-8"),
    )
    return {subject: digest(common, subject_facts(STUDY, subject)) for subject in STUDY.subjects}


def triggers():
    return {trigger.name for trigger in workflow.dag_settings.rerun_triggers}


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
    asked = workflow.dag_settings
    forced = asked.forceall or asked.forcerun or asked.forcetargets or "ANGIOLITH_IGNORE_SEALS" in os.environ
    found = frozenset() if forced or not triggers() <= COVERED_TRIGGERS else frozenset(today.sealed())
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
    """Note the plan of every subject whose jobs have all ended; not where Snakemake was told to judge by less, and only
    of subjects that were sealed in this run where it was told to look at a part of the graph."""
    asked = workflow.dag_settings
    if workflow.touch or asked.allowed_rules or asked.target_jobs or not NEEDED_TRIGGERS <= triggers():
        return
    in_part = asked.until or asked.omit_from or asked.batch
    dag = workflow.dag
    jobs = [job for job in dag.jobs if job.rule.name == "seal_subject"]
    ended = [job for job in jobs if dag.finished(job) or not (in_part or dag.needrun(job))]
    seals().stamp(job.wildcards.subject for job in ended)


def leave_out_sealed(sealing):
    """Sealed subjects have no producer of their files: to the graph these are files like the images."""
    produces = sealing.is_producer
    sealing.is_producer = lambda path: path not in sealed_files() and produces(path)


leave_out_sealed(workflow.get_rule("seal_subject"))


onsuccess:
    stamp_finished()


onerror:
    stamp_finished()
