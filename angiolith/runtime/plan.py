"""What the rules are written with: the study that they are planned from, names of logs, settings, code digests.

Everything that a rule asks for besides the files of its own step. Nothing of it runs in a job.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from angiolith.core.config import Config, settings_of, validate
from angiolith.core.config.plan import check_plan, check_sessions, check_subjects
from angiolith.core.config.sources import ConfigError, read_config
from angiolith.core.delimited import DelimitedError, read_cells
from angiolith.core.manifest import (
    Index,
    IndexSettings,
    index_bids,
    index_manifest,
    manifest_text,
    read_manifest,
    read_report,
    report_text,
    session_notes,
    write_if_changed,
)
from angiolith.core.study import InputPaths, Session, Study, Visits, Wildcards
from angiolith.marks.decisions import MARK_COLUMN, Decision, DecisionError, read_decisions, unknown_marks
from angiolith.marks.kinds import KINDS
from angiolith.runtime.code_digest import code_digest
from angiolith.runtime.paths import source_path
from angiolith.runtime.version import project_version
from angiolith.steps import STEPS

PLANNING = ("angiolith/steps.py", "angiolith/audit/files.py")  # all that decides which jobs a subject has
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """The study, and what every rule has in common."""

    study: Study
    root: Path
    """The workflow's own folder."""

    def inputs_of(self, rule: str) -> Callable[[Wildcards], InputPaths]:
        """Input function of a step's rule, for `unpack`.

        Parameters
        ----------
        rule : str
            Name of the rule.

        Returns
        -------
        Callable[[Wildcards], InputPaths]
            The input function.
        """
        return self.study.inputs_of(rule)

    def outputs_of(self, rule: str) -> dict[str, str]:
        """Outputs of a step's rule.

        Parameters
        ----------
        rule : str
            Name of the rule.

        Returns
        -------
        dict[str, str]
            Name -> path with wildcards.
        """
        return self.study.outputs_of(rule)

    def of_session(self, make: Callable[[Session], T]) -> Callable[[Wildcards], T]:
        """A function of the session as one of the wildcards.

        Parameters
        ----------
        make : Callable[[Session], T]
            A function of a session.

        Returns
        -------
        Callable[[Wildcards], T]
            The function of wildcards.
        """
        return lambda wildcards: make(self.study.session(wildcards))

    def of_visits(self, make: Callable[[Visits], T]) -> Callable[[Wildcards], T]:
        """A function of a subject's first and last visit as one of the wildcards.

        Parameters
        ----------
        make : Callable[[Visits], T]
            A function of two visits.

        Returns
        -------
        Callable[[Wildcards], T]
            The function of wildcards.
        """
        return lambda wildcards: make(self.study.visits(wildcards.subject))

    def of_subject(self, make: Callable[[Study, str], T]) -> Callable[[Wildcards], T]:
        """A function of the study and a subject as one of the wildcards.

        Parameters
        ----------
        make : Callable[[Study, str], T]
            A function of study and subject.

        Returns
        -------
        Callable[[Wildcards], T]
            The function of wildcards.
        """
        return lambda wildcards: make(self.study, wildcards.subject)

    def log(self, rule: str, *wildcards: str) -> str:
        """Log of a rule's job; by default one per subject-session.

        Parameters
        ----------
        rule : str
            Name of the rule.
        *wildcards : str
            Names of the wildcards in the log's name.

        Returns
        -------
        str
            The path with wildcards.
        """
        return self._book("logs", rule, wildcards, "log")

    def benchmark_path(self, rule: str, *wildcards: str) -> str:
        """Benchmark of a rule's job; by default one per subject-session.

        Parameters
        ----------
        rule : str
            Name of the rule.
        *wildcards : str
            Names of the wildcards in the file's name.

        Returns
        -------
        str
            The path with wildcards.
        """
        return self._book("benchmarks", rule, wildcards, "tsv")

    def _book(self, kind: str, rule: str, wildcards: Sequence[str], ending: str) -> str:
        names = wildcards or ("subject", "session")
        stem = "_".join(f"{{{name}}}" for name in names if name)
        return self.study.file(f"{kind}/{rule}/{stem or 'cohort'}.{ending}")

    def settings(self, *sections: str) -> dict[str, Any]:
        """The sections of the configuration (dotted) that a rule depends on, as one dict of plain values: Snakemake
        compares only these. The script makes typed objects of them again (`step_settings`).

        Parameters
        ----------
        *sections : str
            Dotted keys.

        Returns
        -------
        dict[str, Any]
            Nested plain values.
        """
        return settings_of(self.study.config, *sections)

    def code(self, rule: str) -> str:
        """Digest of the rule's script and of every scientific module that it imports.

        Parameters
        ----------
        rule : str
            Name of the rule.

        Returns
        -------
        str
            16 hex digits.
        """
        return code_digest(self.root / "scripts" / f"{rule}.py", self.root)

    def planning_code(self) -> list[str]:
        """Digests of the code that decides which jobs a subject has."""
        return [code_digest(source_path(name, self.root), self.root) for name in PLANNING]

    def version(self) -> str:
        """The project's version, or n/a where it is not known."""
        return project_version()

    def methods_text(self) -> str | list[str]:
        """The methods' formulas and sources, to be packed with a run; nothing in a copy without docs."""
        path = self.root / "docs/methods.md"
        return os.path.relpath(path) if path.is_file() else []

    @property
    def pairs(self) -> dict[str, list[str]]:
        """First and last session of every subject with several visits, as a setting."""
        return {subject: list(visits) for subject, visits in self.study.pairs.items()}


def printed_names(config: Config) -> str:
    """The names of the printed tables that are audited, as a pattern.

    Parameters
    ----------
    config : Config
        The whole configuration.

    Returns
    -------
    str
        A regular expression.
    """
    return "|".join(map(re.escape, config.printed_tables)) or "none"


def load_study(content: Mapping[str, Any], root: Path, config_files: Sequence[str | Path], main: bool) -> Study:
    """The study that a configuration describes, its images indexed; writes the manifest and its report of files.

    Parameters
    ----------
    content : Mapping[str, Any]
        The merged configuration.
    root : Path
        The workflow's folder.
    config_files : Sequence[str | Path]
        Files that it was merged from, for messages.
    main : bool
        False in a job on a cluster node, which plans from the rows of the run that sent it.

    Returns
    -------
    Study
        The study.

    Raises
    ------
    ConfigError
        For a configuration that cannot be used.
    ManifestError
        For images that cannot be indexed.
    """
    files = [str(path) for path in config_files]
    if main:
        for path in files:
            read_config(path)
    config = validate(content, files)
    if main:
        check_plan(config, files)
    out = Path(config.output_dir)
    settings = IndexSettings.of(config)
    if not main:
        index = Index(read_manifest(out / "manifest.tsv"), read_report(out / "manifest_report.tsv"))
    elif config.bids_dir:
        index = index_bids(config.bids_dir, settings)
    else:
        index = index_manifest(config.manifest, settings) if config.manifest else Index([], [])
    check_subjects(config, sorted({row.subject for row in index.rows}), files)
    check_sessions(config, sorted({row.session for row in index.rows}), files)
    if main:
        write_if_changed(manifest_text(index.rows), out / "manifest.tsv")
        write_if_changed(report_text(index.files), out / "manifest_report.tsv")
    decisions = decisions_of(config, {row.key for row in index.rows}, out if main else None)
    images = Path(config.bids_dir or Path(config.manifest or ".").parent)
    resources, notes = os.path.relpath(root / "resources"), session_notes(index.files)
    study = Study(config, index.rows, images, resources, STEPS, notes, decisions)
    if config.subjects is not None:
        study = replace(study, rows=[row for row in study.rows if row.subject in config.subjects])
    if config.sessions is not None:
        study = replace(study, rows=[row for row in study.rows if row.session in config.sessions])
    return study


def decisions_of(
    config: Config, sessions: Collection[tuple[str, str]], out: Path | None
) -> Mapping[tuple[str, str], list[Decision]]:
    """Readers' decisions by session, checked; out: where the marks of an earlier run are looked up, if at all.

    Parameters
    ----------
    config : Config
        The whole configuration.
    sessions : Collection[tuple[str, str]]
        (subject, session) pairs that exist.
    out : Path | None
        Output folder of an earlier run, or None.

    Returns
    -------
    Mapping[tuple[str, str], list[Decision]]
        (subject, session) -> decisions.

    Raises
    ------
    ConfigError
        With one line per problem.
    """
    try:
        found = read_decisions(config.decisions, sessions)
    except DecisionError as problem:
        raise ConfigError(str(problem)) from None
    if found and out and (stale := unknown_marks(config.decisions, known_marks(out, found))):
        raise ConfigError("\n".join(stale))
    return found


def known_marks(out: Path, sessions: Iterable[tuple[str, str]]) -> dict[tuple[str, str, str], list[str]]:
    """The marks of these sessions, by subject, session and kind, in the tables of an earlier run, where there is
    one.

    Parameters
    ----------
    out : Path
        The output folder.
    sessions : Iterable[tuple[str, str]]
        (subject, session) pairs.

    Returns
    -------
    dict[tuple[str, str, str], list[str]]
        (subject, session, kind) -> names of marks.
    """
    found = {}
    for (subject, session), kind in product(sessions, KINDS.values()):
        folder, _, ending = STEPS[kind.decided_in].outputs[kind.table].rpartition("/")
        path = out / f"sub-{subject}/ses-{session}/{folder}/sub-{subject}_ses-{session}_{ending}"
        with suppress(OSError, DelimitedError):
            header, *rows = read_cells(path)
            if MARK_COLUMN in header:
                at = header.index(MARK_COLUMN)
                found[subject, session, kind.name] = [row[at] for row in rows if len(row) > at]
    return found


def check_python(executable: str = sys.executable) -> None:
    """Raise ConfigError where Snakemake could start no job: each would fail, with a shell's words on a missing file.

    Parameters
    ----------
    executable : str
        Path of the Python that runs the jobs.

    Raises
    ------
    ConfigError
        For a path with blanks.
    """
    if " " in executable:
        raise ConfigError(
            f"{executable}: Snakemake cannot start jobs with a Python whose path holds blanks; "
            "move the project, or the environment that you use, to a folder without blanks and make it there again"
        )
