"""Which files each job reads and which files the run is asked for: the input functions of all rules."""

from collections import namedtuple
import re
import tomllib

from angiolith.audit.bundle import MEASURES
from angiolith.core.bids.sidecars import Sidecars
from angiolith.runtime.records import name_in
from angiolith.runtime.seals import SEALS as SEALS_FOLDER, seal_path
from angiolith.core.names import beside

# Ingest


def session_images(wildcards):
    """Every image of the subject-session."""
    return list(image_columns(row_of(wildcards)).values())


def session_sidecars(wildcards):
    """The JSON files that describe the images, those of higher folders included."""
    return sidecars_of(row_of(wildcards))


SIDECARS = Sidecars(IMAGES)


def sidecar_columns(row):
    """Column -> the JSON files that describe the image, the nearest last."""
    return {column: SIDECARS.paths(path) for column, path in image_columns(row).items()}


def sidecars_of(row):
    return list(dict.fromkeys(path for paths in sidecar_columns(row).values() for path in paths))


def notes_of(row):
    """What is to be said of the choice of the session's images."""
    return NOTES.get(row.key, [])


def image_columns(row):
    """Column -> path of every image of a row of the manifest."""
    return {column: image_of(row, column) for column in IMAGE_COLUMNS if column in row.values}


# Small vessels


def wmh_model():
    """The learned step of WMH: weights fitted on digital heads."""
    return resource("wmh_model/model.json")


def for_wmh_tool(column):
    """Input function: the image of this column where the WMH tool's command names it, else nothing."""
    named = f"{{{column}}}" in (CONFIG.wmh_tool.command or "")
    return image(column) if named else []


def wmh_from_elsewhere():
    """Input function: the WMH mask of a session that the built-in method did not make: the user's or the tool's."""
    made = made_from("FLAIR", "anat", "space-FLAIR_desc-wmh_mask.nii.gz")
    return made if CONFIG.wmh_tool.command else image("wmh")


def wmh_tool_weights():
    """The WMH tool's weights, so that a change of them makes the masks anew."""
    return CONFIG.wmh_tool.weights or []


# Calcification


def atlas_table():
    """The artery atlas: control points of the centrelines in MNI152."""
    return resource("artery_atlas/centrelines.tsv")


def mask_space(row):
    """The image on whose grid (or in whose space) the session's artery mask lies."""
    return row.get("arteries_space") or "ct"


def mask_lookup(wildcards):
    """The BIDS lookup table beside the artery mask, if there is one."""
    return lookup_of(row_of(wildcards)) or []


def lookup_of(row):
    mask = image_of(row, "arteries")
    table = beside(mask, ".tsv") if mask else None
    return table if table and os.path.isfile(table) else None


def mask_to_reference(wildcards):
    """The transform of the image that the artery mask was drawn on."""
    row = row_of(wildcards)
    return to_reference(mask_space(row))(wildcards) if row.get("arteries") and mask_space(row) != "ct" else []


# Small vessels


def has_small_vessel_images(row):
    return row.get("FLAIR") or row.get("swi") or row.get("T2starw")


# Vessel wall


def is_traced(row):
    """Whether the tool traces the wall in this session: asked for in the configuration, and points are given."""
    return CONFIG.vessel_wall.trace.trace_wall and row.get("vwi") and row.get("wall_points")


def where_drawn(source):
    """Input function: `source`'s file where the session has a vessel-wall image and a drawing of it, else nothing."""

    def path(wildcards):
        row = row_of(wildcards)
        drawn = row.get("vwi") and (any(row.get(f"wall_{reader}") for reader in WALL_READERS) or is_traced(row))
        return source(wildcards) if drawn else []

    return path


def of_ct(suffix):
    """Input function: a file made on the session's CT, where there is a CT and a drawing of the vessel wall."""
    return where_drawn(of_row(lambda row: row.get("ct") and session_file("ct", suffix)))


# Two visits


Visit = namedtuple("Visit", "subject session")


def of_visit(which, make):
    """Input function: what an input function of one session gives for the subject's first (0) or last (1) visit."""

    def paths(wildcards):
        return make(Visit(wildcards.subject, PAIRS[wildcards.subject][which]))

    return paths


def both_visits(**functions):
    """The same inputs for both visits, as `<name>_first` and `<name>_second`."""
    return {
        f"{name}_{visit}": of_visit(which, function)
        for name, function in functions.items()
        for which, visit in enumerate(("first", "second"))
    }


def visit_rows(wildcards):
    return [ROW[wildcards.subject, session] for session in PAIRS[wildcards.subject]]


def reference_image(name):
    """Input function: the image of this column where it is what the session's visits are registered by."""
    return lambda wildcards: image(name)(wildcards) if row_of(wildcards).reference == name else []


# Subjects, finished


def subject_measures_file(subject):
    """A subject's rows of the cohort's tables."""
    return f"{OUT}/{SEALS_FOLDER}/sub-{subject}/measures.json"


def subject_seal(subject):
    """The hashes of a finished subject's files."""
    return str(seal_path(OUT, subject))


def of_subjects(path):
    """One file of every subject."""
    return [path(subject) for subject in SUBJECTS]


def rows_of(subject):
    return ROWS_OF.get(subject, [])


def of_rows(subject, folder, suffix, keep=lambda row: True):
    """Files of one kind of all the subject's sessions that `keep` says yes to."""
    pattern = session_file(folder, suffix)
    return [pattern.format(subject=subject, session=row.session) for row in rows_of(subject) if keep(row)]


def has_ct(row):
    return row.get("ct")


def subject_measures(wildcards):
    """The subject's tables that the cohort's are collected from, by what they hold."""
    subject = wildcards.subject
    return {
        "checks": of_rows(subject, "", MEASURES["checks"]),
        "calcification": of_rows(subject, "ct", MEASURES["calcification"], has_ct),
        "calcification_arteries": of_rows(subject, "ct", MEASURES["calcification_arteries"], has_ct),
        "calcification_lesions": of_rows(subject, "ct", MEASURES["calcification_lesions"], has_ct),
        "small_vessel": of_rows(subject, "anat", MEASURES["small_vessel"], has_small_vessel_images),
        "plaque": of_rows(subject, "vwi", MEASURES["plaque"], lambda row: row.get("vwi")),
        "change": [subject_file(MEASURES["change"]).format(subject=subject)] if subject in PAIRS else [],
    }


def subject_results(wildcards):
    """What is looked at in the report and is no table: with the measures, all that the subject's jobs are run for."""
    subject = wildcards.subject
    return [
        *of_rows(subject, "ct", "desc-registration_qc.json", has_ct),
        *(path for name in QC_PICTURES for path in of_rows(subject, "figures", f"desc-{name}_qc.png")),
        *(path for row in rows_of(subject) for path in report_shown(row)),
        *([change_picture(subject), change_shown(subject)] if subject in PAIRS else []),
    ]


def subject_images(wildcards):
    """Every file that the subject's rows of the manifest name, lookup tables of masks included."""
    rows = rows_of(wildcards.subject)
    named = [image_of(row, column) for row in rows for column in (*IMAGE_COLUMNS, *MASK_COLUMNS)]
    beside = [path for row in rows for path in (lookup_of(row), *sidecars_of(row))]
    return [path for path in (*named, *beside) if path]


def subject_logs(wildcards):
    """Stems of the logs that the subject's jobs may have: subject, session, contrast, reference."""
    subject, stems = wildcards.subject, [wildcards.subject]
    for row in rows_of(subject):
        session = f"{subject}_{row.session}"
        stems += [session, f"{session}_{row.reference}"]
        stems += [f"{session}_{column}_{row.reference}" for column in IMAGE_COLUMNS if row.get(column)]
    return stems


def subject_facts(subject):
    """What the jobs of a subject are planned from: its rows of the manifest and what lies beside images and masks."""
    rows = rows_of(subject)
    return [(row.session, dict(row.values), lookup_of(row), sidecars_of(row), notes_of(row)) for row in rows]


def open_results(_wildcards):
    """All results of the subjects that are not sealed, so that one that was deleted is made again."""
    subjects = [Visit(subject, None) for subject in SUBJECTS if subject not in sealed()]
    measures = [path for visit in subjects for paths in subject_measures(visit).values() for path in paths]
    return measures + [path for visit in subjects for path in subject_results(visit)]


# Cohort


PIPELINE_TABLES = {name: cohort_file(f"{name}.tsv") for name in ("patients", "lesions")}


def clinical_table(name):
    """participants.tsv: the configured one, which must exist, or the one in the BIDS folder if there is one."""
    given = CONFIG.participants
    found = given or (str(IMAGES / name) if (IMAGES / name).is_file() else None)
    return found or []


def rating_tables():
    """Readers' ratings: every table of the phenotype folder."""
    folder = Path(CONFIG.phenotype_dir or IMAGES / "phenotype")
    return sorted(str(path) for path in folder.glob("*.tsv")) if ROWS else []


def analysis_table(analysis):
    """The table that an analysis starts from: one of the pipeline's, or the user's file."""
    return PIPELINE_TABLES.get(analysis.table, analysis.table)


def analysis_data(name):
    """The rows that are analysed."""
    return cohort_file(f"{name}_data.tsv")


def analyses_with(*questions):
    """The analyses that ask one of these questions (`describe`, `predictors`, ...), by name."""
    return {name: analysis for name, analysis in ANALYSES.items() if any(getattr(analysis, key) for key in questions)}


def cohort_tables():
    """Every table of the cohort that the images and the analyses of the configuration make."""
    collected = ("patients", "lesions", "change", "ratings", "clinical_tables")
    tables = [cohort_file(f"{name}.tsv") for name in collected] if ROWS else []
    tables += [cohort_file(name) for name in ("attrition.tsv", "doubtful_values.tsv")] if ANALYSES else []
    tables += [cohort_file(f"{name}_flow.svg") for name in ANALYSES]
    tables += [cohort_file(f"{name}_audit.tsv") for name in CONFIG.printed_tables]
    tables += [cohort_file(f"agreement.{kind}") for kind in ("tsv", "png") if ROWS or analyses_with("agreement")]
    for questions, endings in (
        (("describe",), ("table1.tsv", "table1_printed.tsv", "table1.md", "table1.docx")),
        (("predictors", "formulas"), ("associations.tsv", "diagnostics.tsv")),
        (("markers", "changes", "marker_models"), ("correlations.tsv", "markers.tsv")),
        (("changes",), ("change.tsv", "power.tsv")),
    ):
        tables += [cohort_file(f"{name}_{ending}") for name in analyses_with(*questions) for ending in endings]
    return tables


def plain_analyses(analyses):
    return {"analyses": {name: plain(analysis) for name, analysis in analyses.items()}}


def one_analysis(wildcards):
    return {"analysis": plain(ANALYSES[wildcards.analysis])}


# Report


QC_PICTURES = ("registration", "calcification", "wmh", "wall")
VIEWER_IMAGES = ("ct", "T1w", "T2w", "FLAIR", "swi", "T2starw", "vwi", "vwi_ce") if CONFIG.report.viewer else ()
REPORT_TEMPLATES = sorted(str(path) for path in (ROOT / "angiolith/report/templates").iterdir())
REPORT_ASSETS = sorted(str(path) for path in (ROOT / "angiolith/report/assets").iterdir())
NIIVUE = [resource(f"niivue/{name}") for name in ("niivue.umd.js", "LICENSE")] if CONFIG.report.viewer else []


def report_file(name):
    """Path of a file in the report's folder."""
    return str(OUT / "report" / name)


def report_asset(path):
    """Where the report keeps a file that all its pages share."""
    return report_file(f"assets/{Path(path).name}")


def change_picture(subject):
    """The picture of a subject's change between visits."""
    return str(OUT / f"sub-{subject}/figures/sub-{subject}_desc-change_qc.png")


def change_shown(subject):
    """The picture of a subject's change, as the report shows it."""
    return report_file(f"pictures/sub-{subject}_desc-change_qc.png")


def review_table():
    """The reader's verdicts on the pictures, if the configuration names them."""
    return CONFIG.review or []


SESSIONS_OF_REPORT = ("sessions", "checks", "registration")
ANALYSIS_TABLES = "data table1_printed associations diagnostics correlations markers change power".split()


def report_shown(row):
    """Pictures and volumes of one subject-session, as the report shows them."""
    stem = f"sub-{row.subject}_ses-{row.session}"
    return [
        *(report_file(f"pictures/{stem}_desc-{name}_qc.png") for name in QC_PICTURES),
        *(report_file(f"volumes/{stem}_{name}.js") for name in VIEWER_IMAGES),
    ]


def report_analysis(name, tables):
    """Tables of one analysis, of those that the cohort has, and its flow picture."""
    paths = {part: cohort_file(f"{name}_{part}.tsv") for part in ANALYSIS_TABLES}
    return {
        "tables": {part: path for part, path in paths.items() if path in tables or part == "data"},
        "flow": cohort_file(f"{name}_flow.svg"),
    }


def report_files():
    """Every file of the cohort that the report reads, by what it is; of the sessions, the names and how to find them.

    Snakemake keeps these with each output and reads them at every start: a session must cost a few bytes.
    """
    tables = cohort_tables()
    names = ("patients", "lesions", "change", "clinical_tables", "attrition", "doubtful_values", "agreement")
    named = {name: cohort_file(f"{name}.tsv") for name in names}
    named["agreement_plots"] = cohort_file("agreement.png")
    return {name: path if path in tables else None for name, path in named.items()} | {
        "manifest": str(OUT / "manifest.tsv"),
        "manifest_report": str(OUT / "manifest_report.tsv") if ROWS else None,
        "sessions": {subject: [row.session for row in rows_of(subject)] for subject in SUBJECTS},
        "checks": session_file("", "desc-check_images.json"),
        "registration": session_file("ct", "desc-registration_qc.json"),
        "analyses": {name: report_analysis(name, tables) for name in ANALYSES},
        "audits": {name: cohort_file(f"{name}_audit.tsv") for name in CONFIG.printed_tables},
        "review": review_table() or None,
    }


def report_tables():
    """The files of `report_files` that are no session's."""
    return every_path({name: part for name, part in report_files().items() if name not in SESSIONS_OF_REPORT})


def lost_page():
    """The first subject's page that is missing beside others, if one is: an output that has to be made again.

    All of them as outputs would be a record each, of every subject: at thousands of subjects gigabytes that Snakemake
    reads at every start. The job's own record has them all, and the audit looks at each.
    """
    folder = OUT / "report"
    there = set(os.listdir(folder)) if folder.is_dir() else set()
    pages = [f"sub-{subject}.html" for subject in SUBJECTS]
    lost = [page for page in pages if page not in there]
    return [report_file(lost[0])] if lost and len(lost) < len(pages) else []


def every_path(files):
    """The paths in a nest of dicts and lists as `report_files` makes it."""
    if isinstance(files, dict):
        return [path for part in files.values() for path in every_path(part)]
    if isinstance(files, list):
        return [path for part in files for path in every_path(part)]
    return [files] if files else []


# Audit


def deliverables():
    """What a run is for: everything that the inventory lists follows from these."""
    return [
        *of_subjects(subject_measures_file),
        *of_subjects(subject_seal),
        *cohort_tables(),
        report_file("index.html"),
        *lost_page(),
    ]


def audit_file(name):
    """Path of a file about the run as a whole."""
    return str(OUT / "audit" / name)


def project_version():
    """The project's version, or n/a in a copy without pyproject.toml."""
    path = ROOT / "pyproject.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"] if path.is_file() else "n/a"


def methods_text():
    """The methods' formulas and sources, to be packed with a run; nothing in a copy without docs."""
    path = ROOT / "docs/methods.md"
    return os.path.relpath(path) if path.is_file() else []


def spatial_sidecars():
    """Sidecars that BIDS wants of label maps, one for each space and kind (they are inherited by all subjects)."""
    kinds = {(row.reference, "mask") for row in ROWS if row.reference}
    kinds |= {("FLAIR", kind) for row in ROWS if row.get("FLAIR") for kind in ("dseg", "mask")}
    return [str(OUT / f"space-{space}_{kind}.json") for space, kind in sorted(kinds)]
