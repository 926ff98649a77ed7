"""The report: pages of the cohort, of every subject, of what went wrong, of the methods and of the review."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from angiolith.arteries.names import artery_names
from angiolith.cohort.review import FAIL
from angiolith.core.config import Config, plain
from angiolith.core.inputs import Inputs
from angiolith.core.manifest_table import is_reported, read_report
from angiolith.core.tables import FAILED, REVIEW, atomic_path, copy_file, was_made
from angiolith.core.versions import DISTRIBUTIONS, versions
from angiolith.marks.kinds import KINDS
from angiolith.report.analyses import (
    Printed,
    printed_rows,
)
from angiolith.report.cohort import Cohort, Verdicts, addressed, embedded, read_cohort
from angiolith.report.exports import (
    Export,
    Tables,
    of_changes,
    of_frame,
    of_notes,
    of_overview,
    of_problems,
    of_sessions,
    texts_of,
)
from angiolith.report.files import OF_ANALYSES, analysis_page
from angiolith.report.first_page import sentences
from angiolith.report.methods import methods_section
from angiolith.report.page import FOLDER, Pages
from angiolith.report.review import mark_items, review_items
from angiolith.report.sessions import (
    Session,
    missing_stages,
    problems,
    status_counts,
)
from angiolith.report.texts import read_texts

VIEWER_FIRST = ("ct", "FLAIR", "T1w", "vwi", "vwi_ce", "swi", "T2starw", "T2w")
FILES_MAX = 500  # rows of the manifest's report that the page of errors shows
ASKED_ALONE = (
    "any_splines",
    "site",
    "harmonise",
    "drift",
    "specifications",
    "measurement_error",
    "mediation",
    "follow_up",
)  # questions that the methods have a sentence on


@dataclass(frozen=True)
class Written:
    """Where the report's files go; errors, review and marks are None in a report without images."""

    page: Path
    methods: Path
    errors: Path | None
    review: Path | None
    marks: Path | None
    analyses: Sequence[Path]
    assets: Sequence[Path]

    @property
    def folder(self) -> Path:
        """Folder of the report."""
        return self.page.parent


def build_report(
    files: Inputs,
    settings: Config,
    pairs: Mapping[str, Sequence[str]],
    project_version: str,
    written: Written,
    niivue: Iterable[str],
) -> list[str]:
    """Write all pages and what they share; returns the subjects' pages. Pages of subjects who left are deleted.

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    settings : Config
        The whole configuration.
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.
    project_version : str
        Version of angiolith.
    written : Written
        Paths of what is written.
    niivue : Iterable[str]
        Paths of the viewer's files.

    Returns
    -------
    list[str]
        Paths of the subjects' pages.
    """
    texts = read_texts(settings.report.texts)
    found = read_cohort(files, settings, pairs, texts, written.folder.parent)
    pages = Pages(settings.report.title, texts, bool(found.sessions), settings.output_dir, settings.report.notice)
    made = cohort_pages(pages, found, files, written, settings.report.viewer)
    made |= analysis_views(pages, found, files, written)
    versions_found = installed_versions(project_version)
    facts = facts_of(
        settings, found.sessions, pairs, found.verdicts, len(found.analyses), found.agreement, versions_found
    )
    paragraphs, references = methods_section(texts["methods"], facts)
    made[written.methods] = pages.render(
        "methods",
        paragraphs=paragraphs,
        references=references,
        versions=versions_found,
        settings=yaml.safe_dump(plain(settings), sort_keys=False, allow_unicode=True),
    )
    subject_pages = {}
    if found.sessions:
        tables = Tables(files["patients"], files["lesions"], files["change"], files["marks"])
        subject_pages = {
            written.folder / f"sub-{subject.name}.html": pages.render(
                "subject",
                exports=tables.of_subject(subject),
                subject=subject,
                has_viewer=settings.report.viewer,
                viewer_order=viewer_order,
            )
            for subject in found.subjects
        }
    for path, text in (made | subject_pages).items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    for page in written.folder.glob("sub-*.html"):
        if page not in subject_pages:  # of a subject that is no longer in the cohort
            page.unlink()
    for page in written.folder.glob(f"{OF_ANALYSES}*.html"):
        if page not in made:  # of an analysis that is no longer asked for
            page.unlink()
    assets = {path.name: path for path in written.assets}
    for source in [*sorted((FOLDER / "assets").iterdir()), *map(Path, niivue)]:
        copy_file(source, assets[source.name])
    return [str(path) for path in subject_pages]


def cohort_pages(pages: Pages, found: Cohort, files: Inputs, written: Written, has_viewer: bool) -> dict[Path, str]:
    """The page of the cohort, and where there are images those of what went wrong and of the review.

    Parameters
    ----------
    pages : Pages
        Renders the pages.
    found : Cohort
        What the run found.
    files : Inputs
        Every file that is read, by what it is.
    written : Written
        Paths of what is written.
    has_viewer : bool
        Whether the report has the viewer.

    Returns
    -------
    dict[Path, str]
        Path -> HTML.
    """
    root, wrong = written.folder.parent, problems(found.sessions)
    made = {
        written.page: pages.render(
            "index",
            exports=cohort_exports(found, files),
            sessions=found.sessions,
            summary=sentences(found.sessions, found.patients, found.analyses, pages.texts),
            n_failed=sum(stage.status == FAILED for _, stage in wrong),
            n_review=sum(stage.status == REVIEW for _, stage in wrong),
            unused=found.unused,
            status_counts=status_counts(found.sessions),
            cohort=found.numbers,
            waits={pages.texts["marks"]["plurals"][name].lower(): count for name, count in found.waits.items()},
            plan=found.plan,
            analyses=found.analyses,
            changes=found.changes,
            audits={name: printed_rows(addressed(path, root)) for name, path in files["audits"].items()},
            doubtful=printed_rows(addressed(files["doubtful_values"], root)) if files["doubtful_values"] else None,
            agreement=found.agreement,
            agreement_plots=embedded(files["agreement_plots"]) if files["agreement_plots"] else None,
        )
    }
    if written.errors and written.review and written.marks:
        missing = missing_stages(found.sessions)
        reported = [note for note in read_report(files["manifest_report"]) if is_reported(note)]
        exports = {
            "errors": of_problems(wrong, pages.texts["errors"]),
            "unused": Export(["what", "name", "reason"], [list(row) for row in found.unused]),
            "files": of_notes(reported[:FILES_MAX]),
            "missing": Export(["stage", "reason", "n_sessions"], [list(map(str, row)) for row in missing]),
        }
        made[written.errors] = pages.render(
            "errors",
            exports=exports,
            problems=wrong,
            unused=found.unused,
            missing=missing,
            files=reported[:FILES_MAX],
            n_files=len(reported),
        )
        made[written.review] = pages.render("review", review=review_items(found.subjects))
        made[written.marks] = pages.render(
            "marks",
            review=mark_items(found.sessions) | {"volumes": volumes_of(found.sessions) if has_viewer else {}},
            artery_names=artery_names(),
            kinds=list(KINDS),
            has_viewer=has_viewer,
        )
    return made


def analysis_views(pages: Pages, found: Cohort, files: Inputs, written: Written) -> dict[Path, str]:
    """The page of each analysis.

    Parameters
    ----------
    pages : Pages
        What renders them.
    found : Cohort
        What the run found.
    files : Inputs
        The report's files.
    written : Written
        Where the pages go.

    Returns
    -------
    dict of Path to str
    """
    of_pages = {path.name: path for path in written.analyses}
    return {
        of_pages[analysis_page(one.name)]: pages.render(
            "analysis",
            exports=analysis_exports(one.name, files),
            analysis=one,
            analyses=found.analyses,
        )
        for one in found.analyses
    }


def cohort_exports(found: Cohort, files: Inputs) -> dict[str, Export]:
    """What the tables of the cohort's page hand over, by the table's name.

    Parameters
    ----------
    found : Cohort
        What the run found.
    files : Inputs
        Every file that is read, by what it is.

    Returns
    -------
    dict[str, Export]
        Name of the table -> its export.
    """
    named = {f"{name}_audit": path for name, path in files["audits"].items()}
    named |= {name: files[name] for name in ("doubtful_values", "agreement") if files[name]}
    exports = {name: of_frame(texts_of(path)) for name, path in named.items()}
    if found.plan:
        exports["plan_deviations"] = of_frame(found.plan.table)
    if found.patients is not None and found.change is not None:
        exports |= {"measures": of_overview(found.patients), "change": of_changes(found.change)}
        exports["sessions"] = of_sessions(found.sessions)
    return exports


def analysis_exports(name: str, files: Inputs) -> dict[str, Export]:
    """What the tables of an analysis' page hand over.

    Parameters
    ----------
    name : str
        The analysis.
    files : Inputs
        The report's files.

    Returns
    -------
    dict of str to Export
        By the table's name.
    """
    tables = files["analyses"][name]["tables"]
    made = {part: path for part, path in tables.items() if part != "data" and was_made(path)}
    exports = {f"{name}_{part.removesuffix('_printed')}": of_frame(texts_of(path)) for part, path in made.items()}
    for part, path in (("attrition", files["attrition"]), ("missing", files["missing_columns"])):
        rows = texts_of(path)
        exports[f"{name}_{part}"] = of_frame(rows[rows["analysis"] == name])
    return exports


def volumes_of(sessions: Iterable[Session]) -> dict[str, list[str]]:
    """What the viewer of the page of marks offers.

    Parameters
    ----------
    sessions : Iterable[Session]
        Sessions of the report.

    Returns
    -------
    dict[str, list[str]]
        `subject/session` -> its images, of every session that has one.
    """
    return {f"{one.subject}/{one.session}": viewer_order(one.images) for one in sessions if one.images}


def viewer_order(images: Iterable[str]) -> list[str]:
    """The images in the order in which the viewer offers them.

    Parameters
    ----------
    images : Iterable[str]
        Columns of images.

    Returns
    -------
    list[str]
        The columns, ordered.
    """
    given = set(images)
    return [name for name in VIEWER_FIRST if name in given]


def facts_of(
    settings: Config,
    sessions: Sequence[Session],
    pairs: Mapping[str, Sequence[str]],
    verdicts: Verdicts,
    n_analyses: int,
    agreement: Printed | None,
    found_versions: Mapping[str, str],
) -> dict[str, Any]:
    """What the methods section is written from.

    Parameters
    ----------
    settings : Config
        The whole configuration.
    sessions : Sequence[Session]
        Sessions of the report.
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.
    verdicts : Verdicts
        (subject, session, picture) -> row of the review.
    n_analyses : int
        Number of analyses that were made.
    agreement : Printed | None
        The table of agreement, or None.
    found_versions : Mapping[str, str]
        Library -> version.

    Returns
    -------
    dict[str, Any]
        Name -> value.
    """
    images = {image for session in sessions for image in session.images}
    asked = settings.analyses.values()
    has = {name: name in images for name in VIEWER_FIRST} | {
        "associations": any(analysis.predictors or analysis.formulas for analysis in asked),
        "correlations": any(analysis.markers or analysis.changes for analysis in asked),
        **{name: any(getattr(analysis, name) for analysis in asked) for name in ASKED_ALONE},
        "change": any(analysis.changes for analysis in asked),
        "agreement": agreement is not None,
    }
    counts = {
        "sessions": len(sessions),
        "subjects": len({session.subject for session in sessions}),
        "pairs": len(pairs),
        "analyses": n_analyses,
        "reviewed": len(verdicts),
        "review_failed": sum(row["verdict"] == FAIL for row in verdicts.values()),
    }
    return {"s": settings, "has": has, "n": counts, "v": found_versions}


def installed_versions(project: str) -> dict[str, str]:
    """Versions of the project, of Python, of Snakemake and of the libraries that the workflow's jobs import.

    Parameters
    ----------
    project : str
        Version of angiolith.

    Returns
    -------
    dict[str, str]
        Library -> version.
    """
    libraries = sorted({"snakemake", *DISTRIBUTIONS.values()})
    return {"angiolith": project} | versions() | {name: metadata.version(name) for name in libraries}
