"""Which files each job reads and which files the run is asked for: the input functions of all rules."""

from collections import namedtuple
import re
import tomllib

from scripts.lib.audit.records import name_in

# Ingest


def session_images(wildcards):
    """Every image of the subject-session."""
    return list(image_columns(wildcards).values())


def image_columns(wildcards):
    """Column -> path of every image of the subject-session."""
    row = row_of(wildcards)
    return {column: image_of(row, column) for column in IMAGE_COLUMNS if column in row.values}


# Registration


def rigid_sidecars(wildcards):
    """The sidecars of all MRI contrasts that are registered to the session's reference."""
    sidecars = [to_reference(column, ".json")(wildcards) for column in IMAGE_COLUMNS if column != "ct"]
    return [path for path in sidecars if path]


# Small vessels


def wmh_model():
    """The learned step of WMH: weights fitted on digital heads."""
    return resource("wmh_model/model.json")


def for_wmh_tool(column):
    """Input function: the image of this column where the WMH tool's command names it, else nothing."""
    named = f"{{{column}}}" in (CONFIG.wmh_tool.command or "")
    return image(column) if named else []


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
    mask = image("arteries")(wildcards)
    table = Path(str(mask).removesuffix(".gz").removesuffix(".nii") + ".tsv") if mask else None
    return str(table) if table and table.is_file() else []


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
    return CONFIG.vessel_wall.trace_wall and row.get("vwi") and row.get("wall_points")


def where_drawn(source):
    """Input function: `source`'s file where the session has a vessel-wall image and a drawing of it, else nothing."""

    def path(wildcards):
        row = row_of(wildcards)
        drawn = row.get("vwi") and (row.get("wall_reader1") or row.get("wall_reader2") or is_traced(row))
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


# Cohort


PIPELINE_TABLES = {name: cohort_file(f"{name}.tsv") for name in ("patients", "lesions")}


def with_ct(suffix):
    """Files made on the CT, of every subject-session that has one."""
    return per_session(session_file("ct", suffix), lambda row: row.get("ct"))


def clinical_table(name):
    """participants.tsv: the configured one, which must exist, or the one in the BIDS folder if there is one."""
    given = CONFIG.participants
    found = given or (str(IMAGES / name) if (IMAGES / name).is_file() else None)
    return found or []


def rating_tables():
    """Readers' ratings: every table of the phenotype folder."""
    folder = Path(CONFIG.phenotype_dir or IMAGES / "phenotype")
    if CONFIG.phenotype_dir and not folder.is_dir():
        raise WorkflowError(f"{folder}: no such folder (phenotype_dir)")
    return sorted(str(path) for path in folder.glob("*.tsv")) if ROWS else []


def analysis_table(analysis):
    """The table that an analysis starts from: one of the pipeline's, or the user's file."""
    if analysis.table in PIPELINE_TABLES and not ROWS:
        raise WorkflowError(
            f"the table {analysis.table!r} needs images: give bids_dir or manifest, or a table of your own"
        )
    return PIPELINE_TABLES.get(analysis.table, analysis.table)


def analysis_data(name):
    """The rows that are analysed."""
    return cohort_file(f"{name}_data.tsv")


def analyses_with(*questions):
    """The analyses that ask one of these questions (`describe`, `predictors`, ...), by name."""
    return {name: analysis for name, analysis in ANALYSES.items() if any(getattr(analysis, key) for key in questions)}


def cohort_tables():
    """Every table of the cohort that the images and the analyses of the configuration make."""
    collected = ("patients", "lesions", "change", "ratings")
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


ANALYSIS_TABLES = ("table1", "associations", "diagnostics", "correlations", "markers", "change", "power")


def report_session(row):
    """What the report reads of one subject-session."""

    def of_session(folder, suffix):
        return session_file(folder, suffix).format(subject=row.subject, session=row.session)

    return {
        "subject": row.subject,
        "session": row.session,
        "checks": of_session("", "desc-check_images.json"),
        "registration": of_session("ct", "desc-registration_qc.json") if row.get("ct") else None,
        "pictures": {name: of_session("figures", f"desc-{name}_qc.png") for name in QC_PICTURES},
    }


def report_analysis(name, tables):
    """Tables of one analysis, of those that the cohort has, and its flow picture."""
    paths = {part: cohort_file(f"{name}_{part}.tsv") for part in ANALYSIS_TABLES}
    return {
        "tables": {part: path for part, path in paths.items() if path in tables},
        "flow": cohort_file(f"{name}_flow.svg"),
    }


def report_files():
    """Every file that the report reads, by what it is."""
    tables = cohort_tables()
    names = ("patients", "lesions", "change", "attrition", "doubtful_values", "agreement")
    named = {name: cohort_file(f"{name}.tsv") for name in names}
    named["agreement_plots"] = cohort_file("agreement.png")
    return {name: path if path in tables else None for name, path in named.items()} | {
        "manifest": str(OUT / "manifest.tsv"),
        "sessions": [report_session(row) for row in ROWS],
        "analyses": {name: report_analysis(name, tables) for name in ANALYSES},
        "audits": {name: cohort_file(f"{name}_audit.tsv") for name in CONFIG.printed_tables},
    }


def every_path(files):
    """The paths in a nest of dicts and lists as `report_files` makes it."""
    if isinstance(files, dict):
        return [path for name, part in files.items() if name not in ("subject", "session") for path in every_path(part)]
    if isinstance(files, list):
        return [path for part in files for path in every_path(part)]
    return [files] if files else []


# Audit


def deliverables():
    """What a run is for: everything that the inventory lists follows from these."""
    return [
        *per_session(session_file("", "desc-check_images.json")),
        *per_session(session_file("ct", "desc-registration_qc.json"), lambda row: row.get("ct")),
        *cohort_tables(),
        str(OUT / "report/index.html"),
    ]


def audit_file(name):
    """Path of a file about the run as a whole."""
    return str(OUT / "audit" / name)


def project_version():
    """The project's version, or n/a in a copy without pyproject.toml."""
    path = ROOT / "pyproject.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["project"]["version"] if path.is_file() else "n/a"


def spatial_sidecars():
    """Sidecars that BIDS wants of label maps, one for each space and kind (they are inherited by all subjects)."""
    kinds = {(row.reference, "mask") for row in ROWS if row.reference}
    kinds |= {("FLAIR", kind) for row in ROWS if row.get("FLAIR") for kind in ("dseg", "mask")}
    return [str(OUT / f"space-{space}_{kind}.json") for space, kind in sorted(kinds)]
