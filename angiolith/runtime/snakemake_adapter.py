"""All that the workflow takes from Snakemake beyond its documented interface, each as a small function.

Every function names what it uses and why no documented option does. `tests/workflow/test_snakemake_adapter.py` runs the
installed Snakemake with and without each of them: a test fails when one no longer works, or is no longer needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakemake.dag import DAG
    from snakemake.rules import Rule
    from snakemake.settings.types import DAGSettings
    from snakemake.workflow import Workflow

DEFAULT_START_LIMIT = (100, 1)  # jobs, seconds


def drop_default_start_limit(workflow: Workflow) -> None:
    """Take away Snakemake's default limit on job starts (100 a second); one that the user set stays. For `onstart`.

    With a limit, each look for jobs sets a timer that looks again, so that the looks a second grow with the jobs done.
    `--max-jobs-per-timespan` only moves this: any value makes a timer at each look, and a long timespan leaves as many
    waiting threads. Uses `workflow.scheduler.job_rate_limiter`.

    Parameters
    ----------
    workflow : Workflow
        Snakemake's workflow.
    """
    scheduler: Any = workflow.scheduler
    limiter = getattr(scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == DEFAULT_START_LIMIT:
        scheduler.job_rate_limiter = None


def leave_out(rule: Rule, files: Callable[[], Collection[str]]) -> None:
    """To the graph, `rule` makes none of these files: they count as given, whatever they were made from.

    Wildcard constraints would say the same with documented words, but they are fixed while the Snakefile is read, when
    Snakemake's own settings (forced jobs, triggers) are not there yet. Replaces the method `is_producer` of one rule.

    Parameters
    ----------
    rule : Rule
        The rule.
    files : Callable[[], Collection[str]]
        Gives the files when the graph is built.
    """
    produces = rule.is_producer
    rule.is_producer = lambda path: path not in files() and produces(path)


def rerun_triggers(workflow: Workflow) -> set[str]:
    """Names of the reasons for which Snakemake was asked to run a job again. Uses `workflow.dag_settings`.

    Parameters
    ----------
    workflow : Workflow
        Snakemake's workflow.

    Returns
    -------
    set[str]
        Names of triggers.
    """
    return {trigger.name for trigger in _settings(workflow).rerun_triggers}


def is_forced(workflow: Workflow) -> bool:
    """Whether jobs were asked for that nothing makes necessary. Uses `workflow.dag_settings`.

    Parameters
    ----------
    workflow : Workflow
        Snakemake's workflow.

    Returns
    -------
    bool
        True where jobs were forced.
    """
    asked = _settings(workflow)
    return bool(asked.forceall or asked.forcerun or asked.forcetargets)


def ended(workflow: Workflow, rule_name: str) -> list[Any]:
    """Jobs of this rule that have ended in this run, or need not run. For `onsuccess` and `onerror`.

    A job that need not run counts only where the whole graph was looked at. None count where Snakemake touched files
    or was given a list of rules or jobs. Uses `workflow.dag`, `dag.finished`, `dag.needrun`, `workflow.dag_settings`.

    Parameters
    ----------
    workflow : Workflow
        Snakemake's workflow.
    rule_name : str
        Name of the rule.

    Returns
    -------
    list[Any]
        Snakemake's jobs.
    """
    asked = _settings(workflow)
    if workflow.touch or asked.allowed_rules or asked.target_jobs:
        return []
    dag: DAG = workflow.dag
    in_part = asked.until or asked.omit_from or asked.batch
    jobs = [job for job in dag.jobs if job.rule.name == rule_name]
    return [job for job in jobs if dag.finished(job) or not (in_part or dag.needrun(job))]


def plain_params(workflow: Workflow, wildcard: str) -> dict[str, list[Any]]:
    """Rule -> the params that are no functions, of all rules with this wildcard. Uses `workflow.rules`.

    Parameters
    ----------
    workflow : Workflow
        Snakemake's workflow.
    wildcard : str
        Name of the wildcard.

    Returns
    -------
    dict[str, list[Any]]
        Rule -> values.
    """
    rules = [rule for rule in workflow.rules if wildcard in rule.wildcard_names]
    return {rule.name: [value for value in rule.params if not callable(value)] for rule in rules}


def _settings(workflow: Workflow) -> DAGSettings:
    settings = workflow.dag_settings
    if settings is None:
        raise RuntimeError("Snakemake's settings of the graph are asked for while the Snakefile is read; ask later")
    return settings
