"""Files of the report: what it reads and makes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from angiolith.cohort.files import (
    analysed_rows,
    cohort_file,
    cohort_tables,
    dictionaries,
    flow_picture,
    review_table,
)
from angiolith.core.study import Study

OF_ANALYSES = "analysis-"  # how the names of the analyses' pages begin
HERE = Path(__file__).parent
NIIVUE = ("niivue.umd.js", "LICENSE")
OF_ANALYSIS = (
    *("data", "table1_printed", "associations", "models_printed", "diagnostics"),
    *(
        "splines",
        "interactions",
        "sites",
        "drift",
        "harmonisation",
        "specifications_summary",
        "error_corrected",
        "mediation",
        "effect_sizes",
        "zeros",
        "risks",
        "hazards",
        "correlations",
        "markers",
        "cuts",
        "change",
        "power",
        "next_study",
    ),
)
FIGURES_OF_ANALYSIS = ("splines", "interactions", "specifications", "curves", "drift")
OF_COHORT = (
    *("patients", "lesions", "change", "marks", "clinical_tables", "attrition"),
    *("doubtful_values", "missing_columns", "agreement"),
)
OF_SESSIONS = ("sessions", "checks", "registration")  # parts of `report_files` that are read of every session


def parts() -> list[str]:
    """The templates and assets that pages are made of."""
    return [str(path) for folder in ("assets", "templates") for path in sorted((HERE / folder).iterdir())]


def texts(study: Study) -> str:
    """Every text of the report: the English one, or the configured translation.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    str
        The path.
    """
    return study.config.report.texts or str(HERE / "texts.yaml")


def niivue(study: Study) -> list[str]:
    """The interactive viewer, if the report has one.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    return [study.resource(f"niivue/{name}") for name in NIIVUE] if study.config.report.viewer else []


def assets(study: Study) -> list[str]:
    """Where the report keeps the files that all its pages share.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    given = [*sorted((HERE / "assets").iterdir()), *map(Path, niivue(study))]
    return [report_file(study, f"assets/{path.name}") for path in given]


def report_file(study: Study, name: str) -> str:
    """Path of a file in the report's folder.

    Parameters
    ----------
    study : Study
        The run's study.
    name : str
        File name below `report/`.

    Returns
    -------
    str
        The path.
    """
    return study.file(f"report/{name}")


def analysis_pages(study: Study) -> list[str]:
    """The page of each analysis.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    return [report_file(study, analysis_page(name)) for name in study.config.analyses]


def analysis_page(name: str) -> str:
    """File of an analysis' page in the report's folder.

    Parameters
    ----------
    name : str
        The analysis, as the configuration calls it.

    Returns
    -------
    str
    """
    return f"{OF_ANALYSES}{name}.html"


def of_images(study: Study, name: str) -> list[str]:
    """A page that there is only with images.

    Parameters
    ----------
    study : Study
        The run's study.
    name : str
        File name below `report/`.

    Returns
    -------
    list[str]
        The path in a list, or an empty list.
    """
    return [report_file(study, name)] if study.rows else []


def lost_page(study: Study) -> list[str]:
    """The first subject's page that is missing beside others, if one is: an output that has to be made again.

    All of them as outputs would be a record each, of every subject: at thousands of subjects gigabytes that Snakemake
    reads at every start. The job's own record has them all, and the audit looks at each.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        The path in a list, or an empty list.
    """
    folder = study.out / "report"
    there = set(os.listdir(folder)) if folder.is_dir() else set()
    pages = [f"sub-{subject}.html" for subject in study.subjects]
    lost = [page for page in pages if page not in there]
    return [report_file(study, lost[0])] if lost and len(lost) < len(pages) else []


def report_files(study: Study) -> dict[str, Any]:
    """Every file of the cohort that the report reads, by what it is; of the sessions, the names and how to find them.

    Snakemake keeps these with each output and reads them at every start: a session must cost a few bytes.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    dict[str, Any]
        Name -> path, or paths.
    """
    tables = set(cohort_tables(study))
    named = {name: cohort_file(study, f"{name}.tsv") for name in OF_COHORT}
    named["agreement_plots"] = cohort_file(study, "agreement.png")
    return {name: path if path in tables else None for name, path in named.items()} | {
        "manifest": study.file("manifest.tsv"),
        "manifest_report": study.file("manifest_report.tsv") if study.rows else None,
        "sessions": {subject: [row.session for row in study.rows_of[subject]] for subject in study.subjects},
        "checks": study.outputs_of("check_images")["checks"],
        "registration": study.outputs_of("check_registration")["checks"],
        "analyses": {name: _of_analysis(study, name, tables) for name in study.config.analyses},
        "audits": {name: cohort_file(study, f"{name}_audit.tsv") for name in study.config.printed_tables},
        "review": review_table(study) or None,
        "analysis_plan": study.config.analysis_plan,
        "dictionaries": dictionaries(study),
    }


def _of_analysis(study: Study, name: str, tables: set[str]) -> dict[str, Any]:
    """Tables of one analysis, of those that the cohort has, and its flow picture."""
    paths = {part: cohort_file(study, f"{name}_{part}.tsv") for part in OF_ANALYSIS}
    paths["data"] = analysed_rows(study, name)
    figures = {part: cohort_file(study, f"{name}_{part}.svg") for part in FIGURES_OF_ANALYSIS}
    return {
        "tables": {part: path for part, path in paths.items() if path in tables or part == "data"},
        "figures": {part: path for part, path in figures.items() if path in tables},
        "flow": flow_picture(study, name),
    }


def report_tables(study: Study) -> list[str]:
    """The files of `report_files` that are no session's.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    return _paths_in({name: part for name, part in report_files(study).items() if name not in OF_SESSIONS})


def _paths_in(files: Mapping[str, Any] | Sequence[Any] | str | None) -> list[str]:
    """The paths in a nest of dicts and lists."""
    if isinstance(files, str):
        return [files]
    parts = files.values() if isinstance(files, Mapping) else files or ()
    return [path for part in parts for path in _paths_in(part)]
