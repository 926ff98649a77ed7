"""Files of the cohort's jobs: the tables that a configuration asks for, and what they are made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from angiolith.core.config import plain
from angiolith.core.settings.analyses import Analysis
from angiolith.core.study import Paths, Study

COLLECTED = ("patients", "lesions", "change", "ratings", "marks", "clinical_tables", "burden")
PIPELINE_TABLES = ("patients", "lesions")
# Forms of one printed table, and where its numbers are from.
PRINTED_ENDINGS = ("_printed.tsv", "_sources.tsv", ".md", ".docx", ".tex", ".html")
OF_QUESTIONS = (  # the tables of an analysis, by the questions of which it asks one
    (("describe",), ("table1.tsv", *(f"table1{ending}" for ending in PRINTED_ENDINGS))),
    (
        ("predictors", "formulas"),
        ("associations.tsv", "diagnostics.tsv", *(f"models{ending}" for ending in PRINTED_ENDINGS)),
    ),
    (("any_splines",), ("splines.tsv", "splines_course.tsv", "splines.svg")),
    (("any_interactions",), ("interactions.tsv", "interactions.svg")),
    (("specifications",), ("specifications.tsv", "specifications_summary.tsv", "specifications.svg")),
    (("site",), ("sites.tsv",)),
    (("drift",), ("drift.tsv", "drift_points.tsv", "drift.svg")),
    (("harmonise",), ("harmonised.tsv", "harmonisation.tsv")),
    (("federation",), ("bundle.json",)),
    (("measurement_error",), ("error_corrected.tsv",)),
    (("effect_sizes",), ("effect_sizes.tsv",)),
    (("zero_inflation",), ("zeros.tsv",)),
    (("mediation",), ("mediation.tsv",)),
    (("follow_up",), ("curves.tsv", "risks.tsv", "hazards.tsv", "curves.svg")),
    (("markers", "changes", "marker_models"), ("correlations.tsv", "markers.tsv", "cuts.tsv")),
    (("next_study",), ("next_study.tsv",)),
    (("changes",), ("change.tsv", "power.tsv")),
)


def cohort_file(study: Study, name: str) -> str:
    """Path of a file of the whole cohort.

    Parameters
    ----------
    study : Study
        The run's study.
    name : str
        File name below `cohort/`.

    Returns
    -------
    str
        The path.
    """
    return study.file(f"cohort/{name}")


def collected(study: Study, name: str) -> Paths:
    """A table that is collected from the subjects, or nothing where there are no images.

    Parameters
    ----------
    study : Study
        The run's study.
    name : str
        Name of the table.

    Returns
    -------
    Paths
        The path, or an empty list.
    """
    return cohort_file(study, f"{name}.tsv") if study.rows else []


def participants(study: Study) -> Paths:
    """participants.tsv: the configured one, which must exist, or the one in the BIDS folder if there is one.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    Paths
        The path, or an empty list.
    """
    if study.config.participants:
        return study.config.participants
    found = study.images / "participants.tsv"
    return str(found) if found.is_file() else []


def rating_tables(study: Study) -> list[str]:
    """Readers' ratings: every table of the phenotype folder.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths, sorted.
    """
    folder = Path(study.config.phenotype_dir or study.images / "phenotype")
    return sorted(str(path) for path in folder.glob("*.tsv")) if study.rows else []


def dictionaries(study: Study) -> list[str]:
    """The data dictionaries (JSON) beside participants.tsv and the ratings.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    given = participants(study) if study.rows else []
    tables = [*([given] if isinstance(given, str) else []), *rating_tables(study)]
    files = [Path(table).with_suffix(".json") for table in tables]
    return [str(file) for file in files if file.is_file()]


def printed_files(study: Study, table: str) -> list[str]:
    """Every form of a printed table (`{analysis}_table1`, `{analysis}_models`).

    Parameters
    ----------
    study : Study
        The run's study.
    table : str
        Name of the table.

    Returns
    -------
    list[str]
        Paths.
    """
    return [cohort_file(study, f"{table}{ending}") for ending in PRINTED_ENDINGS]


def review_table(study: Study) -> Paths:
    """The reader's verdicts on the pictures, if the configuration names them.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    Paths
        The path, or an empty list.
    """
    return study.config.review or []


def given_table(study: Study, analysis: Analysis) -> str:
    """The table that an analysis starts from: one of the pipeline's, or the user's file.

    Parameters
    ----------
    study : Study
        The run's study.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    str
        The path.
    """
    return cohort_file(study, f"{analysis.table}.tsv") if analysis.table in PIPELINE_TABLES else analysis.table


def analysed_rows(study: Study, name: str) -> str:
    """The rows that an analysis is made of.

    Parameters
    ----------
    study : Study
        The run's study.
    name : str
        Name of the analysis.

    Returns
    -------
    str
        The path.
    """
    return cohort_file(study, f"{name}_data.tsv")


def flow_picture(study: Study, name: str) -> str:
    """The picture of who is in an analysis.

    Parameters
    ----------
    study : Study
        The run's study.
    name : str
        Name of the analysis.

    Returns
    -------
    str
        The path.
    """
    return cohort_file(study, f"{name}_flow.svg")


def analyses_with(study: Study, *questions: str) -> dict[str, Analysis]:
    """The analyses that ask one of these questions (`describe`, `predictors`, ...), by name.

    Parameters
    ----------
    study : Study
        The run's study.
    *questions : str
        Keys of an analysis' section.

    Returns
    -------
    dict[str, Analysis]
        Name -> section.
    """
    every = study.config.analyses.items()
    return {name: analysis for name, analysis in every if any(getattr(analysis, key) for key in questions)}


def analysis_files(study: Study) -> dict[str, dict[str, str]]:
    """The given table, the analysed rows and the flow picture of every analysis.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    dict[str, dict[str, str]]
        Name -> `table`, `data` and `flow` -> path.
    """
    return {
        name: {
            "table": given_table(study, analysis),
            "data": analysed_rows(study, name),
            "flow": flow_picture(study, name),
        }
        for name, analysis in study.config.analyses.items()
    }


def sources_of(study: Study, name: str) -> list[str]:
    """Tables of other runs that an analysis' specifications take measures from.

    Parameters
    ----------
    study : Study
        The study.
    name : str
        Of the analysis.

    Returns
    -------
    list of str
        Paths.
    """
    grid = study.config.analyses[name].specifications
    return list(grid.sources.values()) if grid else []


def plain_analyses(analyses: Mapping[str, Analysis]) -> dict[str, Any]:
    """Settings of analyses as a rule hands them over.

    Parameters
    ----------
    analyses : Mapping[str, Analysis]
        Name -> section.

    Returns
    -------
    dict[str, Any]
        Plain values.
    """
    return {"analyses": {name: plain(analysis) for name, analysis in analyses.items()}}


def cohort_tables(study: Study) -> list[str]:
    """Every table of the cohort that the images and the analyses of the configuration make.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    config = study.config
    names = [f"{name}.tsv" for name in COLLECTED] if study.rows else []
    names += ["attrition.tsv", "doubtful_values.tsv", "missing_columns.tsv"] if config.analyses else []
    names += [f"{name}_flow.svg" for name in config.analyses]
    names += [f"{name}_audit.tsv" for name in config.printed_tables]
    names += (
        ["agreement.tsv", "agreement.png", "agreement.svg"] if study.rows or analyses_with(study, "agreement") else []
    )
    for questions, endings in OF_QUESTIONS:
        names += [f"{name}_{ending}" for name in analyses_with(study, *questions) for ending in endings]
    return [cohort_file(study, name) for name in names]
