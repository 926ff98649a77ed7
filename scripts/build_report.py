"""Build the report: one HTML page of the cohort, its analyses, every subject-session and what went wrong."""

from importlib import metadata

from scripts.lib.job import DISTRIBUTIONS, run, versions
from scripts.lib.report.analyses import analysis_view, printed_changes, printed_rows
from scripts.lib.report.page import render
from scripts.lib.report.sessions import cohort_numbers, collect_sessions, picture_source
from scripts.lib.tables import atomic_path, read_json, read_tsv


def installed_versions():
    """Versions of Python and of the libraries that the workflow's jobs import."""
    return versions() | {name: metadata.version(name) for name in sorted(set(DISTRIBUTIONS.values()))}


def read_sessions(files, patients, page, embed):
    """The sessions of the manifest, from the files given for each of them."""
    keys = [(entry["subject"], entry["session"]) for entry in files["sessions"]]
    named = dict(zip(keys, files["sessions"], strict=True))
    manifest = read_tsv(files["manifest"], dtype=str)
    wanted = [tuple(key) in named for key in manifest[["subject", "session"]].to_numpy()]
    return collect_sessions(
        manifest[wanted],
        patients,
        read_tsv(files["lesions"]),
        {key: read_json(entry["checks"]) for key, entry in named.items()},
        {key: read_json(entry["registration"]) for key, entry in named.items() if entry["registration"]},
        {
            key: {name: picture_source(path, page, embed) for name, path in entry["pictures"].items()}
            for key, entry in named.items()
        },
    )


def read_analyses(files, settings, page):
    """Every analysis of the configuration with the tables that it has."""
    if not files["analyses"]:
        return []
    attrition = read_tsv(files["attrition"], dtype={"excluded_subjects": str})
    return [
        analysis_view(
            name,
            settings["analyses"][name],
            attrition,
            {part: read_tsv(path) for part, path in entry["tables"].items()},
            picture_source(entry["flow"], page, embed=True),
        )
        for name, entry in files["analyses"].items()
    ]


def main(snakemake):
    files, settings, page = snakemake.params.files, snakemake.params.settings, snakemake.output.page
    report = settings["report"]
    sessions, cohort, changes = [], [], None
    if files["sessions"]:
        patients = read_tsv(files["patients"])
        embed = len(files["sessions"]) <= report["embed_sessions_max"]
        sessions = read_sessions(files, patients, page, embed)
        cohort = cohort_numbers(patients)
        changes = printed_changes(read_tsv(files["change"]))
    agreement = printed_rows(read_tsv(files["agreement"])) if files["agreement"] else None
    doubtful = printed_rows(read_tsv(files["doubtful_values"])) if files["doubtful_values"] else None
    plots = picture_source(files["agreement_plots"], page, embed=True) if files["agreement_plots"] else None
    audits = {name: printed_rows(read_tsv(path)) for name, path in files["audits"].items()}
    text = render(
        report["title"],
        sessions,
        cohort,
        read_analyses(files, settings, page),
        agreement,
        changes,
        doubtful,
        audits,
        plots,
        settings,
        installed_versions(),
    )
    with atomic_path(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main, snakemake)
