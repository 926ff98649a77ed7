"""Build the report: pages of the cohort, of every subject, of what went wrong, of the methods and of the review."""

import base64
from importlib import metadata
from itertools import compress
from pathlib import Path

import yaml

from angiolith.cohort.review import CHANGE, FAIL, KEYS, picture_keys, read_review
from angiolith.core.cells import row_addresses
from angiolith.core.tables import FAILED, REVIEW, atomic_path, copy_file, read_json, read_tsv, was_made
from angiolith.report.analyses import analysis_view, printed_changes, printed_rows, unused_tables
from angiolith.report.methods import methods_section
from angiolith.report.page import FOLDER, Pages
from angiolith.report.sessions import (
    Picture,
    cohort_numbers,
    collect_sessions,
    missing_stages,
    problems,
    status_counts,
)
from angiolith.report.subjects import collect_subjects
from angiolith.report.texts import read_texts
from angiolith.runtime.job import DISTRIBUTIONS, run, versions
from angiolith.runtime.records import name_in

VIEWER_FIRST = ("ct", "FLAIR", "T1w", "vwi", "vwi_ce", "swi", "T2starw", "T2w")
PICTURE_KINDS = {".png": "png", ".svg": "svg+xml"}


def installed_versions(project):
    """Versions of the project, of Python, of Snakemake and of the libraries that the workflow's jobs import."""
    libraries = sorted({"snakemake", *DISTRIBUTIONS.values()})
    return {"angiolith": project} | versions() | {name: metadata.version(name) for name in libraries}


def embedded(path):
    """A small picture as a data URI."""
    kind = PICTURE_KINDS[Path(path).suffix]
    return f"data:image/{kind};base64," + base64.b64encode(Path(path).read_bytes()).decode("ascii")


def addressed(path, root, **types):
    """A table of the run; its index are the addresses that `trace` takes for its rows."""
    addresses = row_addresses(name_in(root, path), read_tsv(path, dtype=str))
    return read_tsv(path, **types).set_axis(addresses, axis="index")


def read_sessions(files, root, manifest, patients, verdicts, texts):
    """The sessions of the manifest that the report is of, with what their checks say."""
    keys = [(subject, session) for subject, visits in files["sessions"].items() for session in visits]
    rows = manifest.set_index(["subject", "session"], drop=False).loc[keys].reset_index(drop=True)

    def of_sessions(pattern, chosen):
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
    )


def read_analyses(files, root, settings, texts):
    """Every analysis of the configuration with the tables that it has."""
    if not files["analyses"]:
        return []
    attrition = addressed(files["attrition"], root, dtype={"excluded_subjects": str})
    return [
        analysis_view(
            name,
            settings["analyses"][name],
            attrition,
            {part: read_part(part, path, root) for part, path in entry["tables"].items() if was_made(path)},
            texts["cohort"],
            embedded(entry["flow"]),
        )
        for name, entry in files["analyses"].items()
    ]


def read_part(part, path, root):
    """A table of an analysis: the analysed rows as they are, what is printed as text, all but these with addresses."""
    if part == "data":
        return read_tsv(path)
    return addressed(path, root, dtype=str).fillna("") if part == "table1_printed" else addressed(path, root)


def read_verdicts(files, manifest, pairs):
    """The rows of the review by (subject, session, picture)."""
    if not files["review"]:
        return {}
    review = read_review(files["review"], picture_keys(manifest, pairs))
    return {tuple(row[key] for key in KEYS): row for row in review.to_dict("records")}


def facts_of(settings, sessions, pairs, verdicts, analyses, agreement, found_versions):
    """What the methods section is written from."""
    images = {image for session in sessions for image in session.images}
    asked = settings["analyses"].values()
    has = {name: name in images for name in VIEWER_FIRST} | {
        "associations": any(analysis["predictors"] or analysis["formulas"] for analysis in asked),
        "correlations": any(analysis["markers"] or analysis["changes"] for analysis in asked),
        "change": any(analysis["changes"] for analysis in asked),
        "agreement": agreement is not None,
    }
    counts = {
        "sessions": len(sessions),
        "subjects": len({session.subject for session in sessions}),
        "pairs": len(pairs),
        "analyses": len(analyses),
        "reviewed": len(verdicts),
        "review_failed": sum(row["verdict"] == FAIL for row in verdicts.values()),
    }
    return {"s": settings, "has": has, "n": counts, "v": found_versions}


def review_items(subjects):
    """The pictures of the review page (subject, session, picture), and the marks that the workflow was given."""
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
    return {"pictures": pictures, "marks": marks}


def change_pictures(pairs, verdicts):
    """Subject -> the picture of its two visits."""
    return {
        subject: Picture(
            CHANGE, f"pictures/sub-{subject}_desc-change_qc.png", verdicts.get((subject, visits[-1], CHANGE))
        )
        for subject, visits in pairs.items()
    }


def main(snakemake):
    files, settings, output = snakemake.params.files, snakemake.params.settings, snakemake.output
    pairs, root = snakemake.params.pairs, Path(output.page).parent.parent
    texts = read_texts(settings["report"]["texts"])
    found_versions = installed_versions(snakemake.params.version)
    sessions, subjects, cohort, changes, verdicts = [], [], [], None, {}
    if files["sessions"]:
        manifest = read_tsv(files["manifest"])
        patients, change = (addressed(files[name], root) for name in ("patients", "change"))
        verdicts = read_verdicts(files, manifest, pairs)
        sessions = read_sessions(files, root, manifest, patients, verdicts, texts)
        subjects = collect_subjects(sessions, change, change_pictures(pairs, verdicts), texts["measures"])
        cohort = cohort_numbers(patients, texts["measures"])
        changes = printed_changes(change, texts["cohort"]["change_header"])
    agreement = printed_rows(addressed(files["agreement"], root)) if files["agreement"] else None
    analyses = read_analyses(files, root, settings, texts)
    pages = Pages(settings["report"]["title"], texts, bool(sessions), settings["output_dir"])
    wrong = problems(sessions)
    unused = unused_tables(read_tsv(files["clinical_tables"]) if sessions else None, analyses)
    facts = facts_of(settings, sessions, pairs, verdicts, analyses, agreement, found_versions)
    paragraphs, references = methods_section(texts["methods"], facts)
    made = {
        output.page: pages.render(
            "index",
            sessions=sessions,
            n_subjects=len(subjects),
            n_failed=sum(stage.status == FAILED for _, stage in wrong),
            n_review=sum(stage.status == REVIEW for _, stage in wrong),
            unused=unused,
            status_counts=status_counts(sessions),
            cohort=cohort,
            analyses=analyses,
            changes=changes,
            audits={name: printed_rows(addressed(path, root)) for name, path in files["audits"].items()},
            doubtful=printed_rows(addressed(files["doubtful_values"], root)) if files["doubtful_values"] else None,
            agreement=agreement,
            agreement_plots=embedded(files["agreement_plots"]) if files["agreement_plots"] else None,
        ),
        output.methods: pages.render(
            "methods",
            paragraphs=paragraphs,
            references=references,
            versions=found_versions,
            settings=yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True),
        ),
    }
    folder, subject_pages = Path(output.page).parent, []
    if sessions:
        (errors,), (review,) = output.errors, output.review
        made[errors] = pages.render("errors", problems=wrong, unused=unused, missing=missing_stages(sessions))
        made[review] = pages.render("review", review=review_items(subjects))
        has_viewer = settings["report"]["viewer"]
        for subject in subjects:
            subject_pages.append(str(folder / f"sub-{subject.name}.html"))
            made[subject_pages[-1]] = pages.render(
                "subject",
                subject=subject,
                has_viewer=has_viewer,
                viewer_order=lambda images: [name for name in VIEWER_FIRST if name in images],
            )
    for path, text in made.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    for page in folder.glob("sub-*.html"):
        if str(page) not in subject_pages:  # of a subject that is no longer in the cohort
            page.unlink()
    assets = {Path(path).name: path for path in output.assets}
    for source in [*sorted((FOLDER / "assets").iterdir()), *snakemake.input.niivue]:
        copy_file(source, assets[Path(source).name])
    return subject_pages


if __name__ == "__main__":
    run(main, snakemake)
