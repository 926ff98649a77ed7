"""The report: pages of the cohort, of every subject, of what went wrong, of the methods and of the review."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import compress
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from angiolith.arteries.names import artery_names
from angiolith.cohort.printed_labels import printed_labels
from angiolith.cohort.review import CHANGE, FAIL, KEYS, picture_keys, read_review
from angiolith.core.cells import row_addresses
from angiolith.core.config import Config, plain
from angiolith.core.inputs import Inputs
from angiolith.core.manifest_table import is_reported, read_report
from angiolith.core.tables import FAILED, REVIEW, atomic_path, copy_file, read_json, read_tsv, was_made
from angiolith.core.versions import DISTRIBUTIONS, versions
from angiolith.marks.kinds import CALCIFICATION, KINDS, PLAQUE
from angiolith.marks.verdicts import CANDIDATE, TOOL, waiting
from angiolith.pictures.marks import GAP_PX, HEAD_PX, PANEL_PX, ROW_PX, TEXT_PX, WIDTH_PX
from angiolith.report.analyses import (
    AnalysisView,
    Printed,
    analysis_view,
    printed_changes,
    printed_rows,
    unused_tables,
)
from angiolith.report.analysis_plan import PlanView, read_plan
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
from angiolith.report.sessions import (
    MEASURES,
    Picture,
    Session,
    cohort_numbers,
    collect_sessions,
    mark_artery,
    missing_stages,
    problems,
    status_counts,
)
from angiolith.report.subjects import Subject, collect_subjects
from angiolith.report.texts import read_texts
from angiolith.runtime.records import name_in

Verdicts = dict[tuple[str, str, str], dict[str, Any]]
"""The reader's verdicts by (subject, session, picture)."""

VIEWER_FIRST = ("ct", "FLAIR", "T1w", "vwi", "vwi_ce", "swi", "T2starw", "T2w")
FILES_MAX = 500  # rows of the manifest's report that the page of errors shows
PICTURE_KINDS = {".png": "png", ".svg": "svg+xml"}
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
class Cohort:
    """All that the pages are filled with."""

    sessions: list[Session]
    subjects: list[Subject]
    numbers: list[Any]
    waits: Mapping[str, int]
    patients: pd.DataFrame | None
    change: pd.DataFrame | None
    changes: Printed | None
    verdicts: Verdicts
    agreement: Printed | None
    analyses: list[AnalysisView]
    unused: list[tuple[str, str, str]]
    plan: PlanView | None


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


def read_cohort(
    files: Inputs, settings: Config, pairs: Mapping[str, Sequence[str]], texts: Mapping[str, Any], root: Path
) -> Cohort:
    """Read what the run found; root: its output folder.

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    settings : Config
        The whole configuration.
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.
    texts : Mapping[str, Any]
        Texts of the report.
    root : Path
        The output folder.

    Returns
    -------
    Cohort
        What the run found.
    """
    sessions: list[Session] = []
    subjects: list[Subject] = []
    numbers: list[Any] = []
    waits: dict[str, int] = {}
    patients, change, changes, verdicts = None, None, None, {}
    if files["sessions"]:
        manifest = read_tsv(files["manifest"])
        patients, change = (addressed(files[name], root) for name in ("patients", "change"))
        verdicts = read_verdicts(files, manifest, pairs)
        marks = addressed(files["marks"], root)
        waits = waiting(marks)["kind"].value_counts().to_dict()
        sessions = read_sessions(files, root, manifest, patients, marks, verdicts, texts)
        subjects = collect_subjects(sessions, change, change_pictures(pairs, verdicts), texts["measures"])
        numbers = cohort_numbers(patients, texts["measures"], texts["levels"])
        changes = printed_changes(change, texts["cohort"]["change_header"])
    agreement = printed_rows(addressed(files["agreement"], root)) if files["agreement"] else None
    analyses = read_analyses(files, root, settings, texts)
    unused = unused_tables(read_tsv(files["clinical_tables"]) if sessions else None, analyses)
    plan = read_plan(files["analysis_plan"], settings.analyses)
    return Cohort(
        sessions, subjects, numbers, waits, patients, change, changes, verdicts, agreement, analyses, unused, plan
    )


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
            review=mark_items(found.sessions),
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


def read_sessions(
    files: Inputs,
    root: Path,
    manifest: pd.DataFrame,
    patients: pd.DataFrame,
    marks: pd.DataFrame,
    verdicts: Verdicts,
    texts: Mapping[str, Any],
) -> list[Session]:
    """The sessions of the manifest that the report is of, with what their checks say.

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    root : Path
        The output folder.
    manifest : pd.DataFrame
        The manifest.
    patients : pd.DataFrame
        The patients' table.
    marks : pd.DataFrame
        Table of marks.
    verdicts : Verdicts
        (subject, session, picture) -> row of the review.
    texts : Mapping[str, Any]
        Texts of the report.

    Returns
    -------
    list[Session]
        Sessions.
    """
    keys = [(subject, session) for subject, visits in files["sessions"].items() for session in visits]
    rows = manifest.set_index(["subject", "session"], drop=False).loc[keys].reset_index(drop=True)

    def of_sessions(pattern: str, chosen: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        return {key: read_json(str(pattern).format(subject=key[0], session=key[1])) for key in chosen}

    has_ct = rows["ct"].notna() if "ct" in rows and files["registration"] else [False] * len(rows)
    return collect_sessions(
        rows,
        patients,
        addressed(files["lesions"], root),
        of_sessions(files["checks"], keys),
        of_sessions(files["registration"], compress(keys, has_ct)),
        verdicts,
        texts,
        marks,
    )


def read_analyses(files: Inputs, root: Path, settings: Config, texts: Mapping[str, Any]) -> list[AnalysisView]:
    """Every analysis of the configuration with the tables that it has.

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    root : Path
        The output folder.
    settings : Config
        The whole configuration.
    texts : Mapping[str, Any]
        Texts of the report.

    Returns
    -------
    list[AnalysisView]
        What the pages show of each analysis.
    """
    if not files["analyses"]:
        return []
    attrition = addressed(files["attrition"], root, dtype={"excluded_subjects": str, "waiting_subjects": str})
    missing = read_tsv(files["missing_columns"])
    units = {measure.column: measure.unit for measure in MEASURES}
    measures = {
        name: f"{label}, {units[name]}" if units.get(name) else label for name, label in texts["measures"].items()
    }
    return [
        analysis_view(
            name,
            settings.analyses[name],
            attrition,
            {part: read_part(part, path, root) for part, path in entry["tables"].items() if was_made(path)}
            | {"missing": missing[missing["analysis"] == name].drop(columns="analysis")},
            texts["cohort"],
            embedded(entry["flow"]),
            {part: embedded(path) for part, path in entry["figures"].items() if was_made(path)},
            measures
            | printed_labels(settings.analyses[name].labels, settings.analyses[name].columns, files["dictionaries"]),
        )
        for name, entry in files["analyses"].items()
    ]


def read_part(part: str, path: str, root: Path) -> pd.DataFrame:
    """A table of an analysis: the analysed rows as they are, what is printed as text, all but these with addresses.

    Parameters
    ----------
    part : str
        Name of the table.
    path : str
        Path of the file.
    root : Path
        The output folder.

    Returns
    -------
    pd.DataFrame
        The table.
    """
    if part == "data":
        return read_tsv(path)
    return addressed(path, root, dtype=str).fillna("") if part.endswith("_printed") else addressed(path, root)


def read_verdicts(files: Inputs, manifest: pd.DataFrame, pairs: Mapping[str, Sequence[str]]) -> Verdicts:
    """The rows of the review by (subject, session, picture).

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    manifest : pd.DataFrame
        The manifest.
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.

    Returns
    -------
    Verdicts
        (subject, session, picture) -> row of the review.
    """
    if not files["review"]:
        return {}
    review = read_review(files["review"], picture_keys(manifest, pairs))
    return {tuple(row[key] for key in KEYS): row for row in review.to_dict("records")}


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


def review_items(subjects: Iterable[Subject]) -> dict[str, Any]:
    """The pictures of the review page (subject, session, picture), and the marks that the workflow was given.

    Parameters
    ----------
    subjects : Iterable[Subject]
        Subjects of the report.

    Returns
    -------
    dict[str, Any]
        Content of the review page's script.
    """
    pictures, marks = [], {}
    for subject in subjects:
        shown = [(session.session, picture) for session in subject.sessions for picture in session.pictures]
        if subject.change_picture:
            shown.append((subject.sessions[-1].session, subject.change_picture))
        for session, picture in shown:
            pictures.append([subject.name, session, picture.name])
            if picture.verdict:
                kept = {name: picture.verdict[name] for name in ("verdict", "reviewer", "note")}
                marks[f"{subject.name}/{session}/{picture.name}"] = kept
    return {"kind": "pictures", "items": pictures, "marks": marks}


def mark_items(sessions: Iterable[Session]) -> dict[str, Any]:
    """The marks of the page of decisions (subject, session, kind, mark, its row in the picture, whether it waits,
    what it is), and where they lie in that picture. Those that wait come first, then by number.

    What readers decided is left out, and cut off the picture: each decides without knowing of others. What the tool
    doubts of an undecided mark is shown.

    Parameters
    ----------
    sessions : Iterable[Session]
        Sessions of the report.

    Returns
    -------
    dict[str, Any]
        Content of the page of decisions' script.
    """
    items = []
    for session in sessions:
        for kind, marks in session.marks_by_kind.items():
            found = []
            for row, (_, mark) in enumerate(marks):
                flagged = mark["certainty"] == CANDIDATE
                item = [session.subject, session.session, kind, mark["mark"], row, flagged]
                item += [described(mark), mark["reason"] if mark["decided_by"] == TOOL else ""]
                found.append((not flagged, int(mark["lesion"]), item))
            items += [item for _, _, item in sorted(found, key=lambda each: each[:2])]
    return {
        "kind": "marks",
        "items": items,
        "marks": {},
        "of_arteries": [name for name, kind in KINDS.items() if kind.has_artery],
        "montages": {name: kind.montage for name, kind in KINDS.items()},
        "head_px": HEAD_PX,
        "row_px": ROW_PX,
        "text_px": TEXT_PX,
        "panel_px": PANEL_PX,
        "gap_px": GAP_PX,
        "width_px": WIDTH_PX,
    }


def described(mark: Mapping[str, str]) -> str:
    """A mark in a line, without what is held of it.

    Parameters
    ----------
    mark : Mapping[str, str]
        A row of marks, as text.

    Returns
    -------
    str
        One line.
    """
    if mark["kind"] == CALCIFICATION.name:
        return f"{mark['lesion']} · {mark_artery(mark)} · {mark['volume_mm3']} mm³ · {mark['max_hu']} HU"
    if mark["kind"] == PLAQUE.name:
        return f"{mark['lesion']} · {mark_artery(mark)} · stenosis {mark['stenosis_percent'] or 'n/a'} %"
    return f"{mark['lesion']} · {mark['diameter_mm']} mm · {mark['volume_mm3']} mm³"


def change_pictures(pairs: Mapping[str, Sequence[str]], verdicts: Verdicts) -> dict[str, Picture]:
    """Subject -> the picture of its two visits.

    Parameters
    ----------
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.
    verdicts : Verdicts
        (subject, session, picture) -> row of the review.

    Returns
    -------
    dict[str, Picture]
        Subject -> picture.
    """
    return {
        subject: Picture(
            CHANGE, f"pictures/sub-{subject}_desc-change_qc.png", verdicts.get((subject, visits[-1], CHANGE))
        )
        for subject, visits in pairs.items()
    }


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


def embedded(path: str | Path) -> str:
    """A small picture as a data URI.

    Parameters
    ----------
    path : str | Path
        Path of the file.

    Returns
    -------
    str
        A data URI.
    """
    kind = PICTURE_KINDS[Path(path).suffix]
    return f"data:image/{kind};base64," + base64.b64encode(Path(path).read_bytes()).decode("ascii")


def addressed(path: str | Path, root: Path, **types: Any) -> pd.DataFrame:
    """A table of the run; its index are the addresses that `trace` takes for its rows.

    Parameters
    ----------
    path : str | Path
        Path of the file.
    root : Path
        The output folder.
    **types : Any
        Passed on to `read_tsv`.

    Returns
    -------
    pd.DataFrame
        The table.
    """
    addresses = row_addresses(name_in(root, path), read_tsv(path, dtype=str))
    return read_tsv(path, **types).set_axis(addresses, axis="index")
