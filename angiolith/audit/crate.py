"""A finished run as an RO-Crate (Workflow Run Crate 0.5) in its own folder, and what BIDS wants of derivatives.

The crate's root is the output folder. Every output is a file of the crate with its SHA-256; what the run read lies
outside it and is named by its hash (`ni:` of RFC 6920), so that no path of the machine is shown. Settings, code digests
and the makers of single files stand in audit/inventory.tsv, which is part of the crate.
Profiles: https://w3id.org/ro/wfrun/process/0.5, .../workflow/0.5, https://w3id.org/workflowhub/workflow-ro-crate/1.0
"""

from __future__ import annotations

import base64
import datetime
import mimetypes
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from rocrate.model import ComputationalWorkflow, ContextEntity, File
from rocrate.rocrate import ROCrate

from angiolith.audit.inventory import INVENTORY, Entry

PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
BIDS_VERSION = "1.10.0"
NOT_BIDS = {
    "audit": "inventory and workflow",
    "ro-crate-metadata.json": "the crate",
    "benchmarks": "times and memory of jobs",
    "cohort": "tables and figures of the cohort",
    "logs": "logs and records of jobs",
    "report": "the report",
    "manifest.tsv": "the images, by subject-session",
    "manifest_report.tsv": "what became of every file of the images' folder",
    "sub-*/**/figures": "pictures for quality checks",
    "sub-*/**/ct": "CT is not a BIDS modality",
    "sub-*/**/vwi": "vessel-wall MRI is not a BIDS datatype",
    "**/*_xfm.*": "transforms: a proposal (BEP 014), not in the standard",
    "**/*_metrics.tsv": "measures: BIDS has no suffix for them",
    "**/*-lacunes.tsv": "measures",
    "**/*-microbleeds.tsv": "measures",
    "sub-*/*_space-halfway_*": "label maps of two visits in the space between them",
    "sub-*/**/*.json": "status and facts of measures",
}
METHODS = "audit/methods.md"
OUTSIDE = {"@type": "CreativeWork"}  # a file of a crate must lie in it: what was read lies outside, known by its hash
CAPTIONS = {
    METHODS: "What is measured, by which formulas, after which sources.",
    "report/index.html": "The report: pictures, numbers, tables, figures, errors, methods.",
    "*_desc-registration_qc.png": "Outlines of the CT's bone on the session's MRI, in three planes.",
    "*_desc-calcification_qc.png": "The CT with artery regions and calcifications, in slices through the lesions.",
    "*_desc-wmh_qc.png": "The FLAIR with white matter hyperintensities.",
    "*_desc-wall_qc.png": "The vessel-wall image with lumen and outer wall, at each lesion's narrowest cross-section.",
    "cohort/*_flow.svg": "Who entered the analysis, who left it, and why.",
    "cohort/*_splines.svg": "Restricted cubic splines: the association along each predictor, with 95 % interval.",
    "cohort/*_sources.tsv": "Where each number of a printed table is from, as angiolith trace takes it.",
    "cohort/agreement.*g": "Agreement between raters: differences against means (Bland and Altman).",
}
SUFFIX_TYPES = {".tsv": "text/tab-separated-values", ".gz": "application/gzip", ".tfm": "text/plain"}


def crate_metadata(
    entries: Sequence[Entry], version: str, ended: datetime.datetime, title: str, with_methods: bool = False
) -> dict[str, Any]:
    """The RO-Crate's JSON-LD for a run with this inventory, which ended at `ended`; `version` is the project's.

    Parameters
    ----------
    entries : Sequence[Entry]
        Rows of the inventory.
    version : str
        Version of angiolith.
    ended : datetime.datetime
        When the run ended.
    title : str
        Title of the data set.
    with_methods : bool
        Whether `METHODS` lies in the folder.

    Returns
    -------
    dict[str, Any]
        The JSON-LD as one object.
    """
    crate = ROCrate(version="1.1")  # the version that the profiles build on
    crate.name = title
    crate.description = (
        "Intracranial artery calcification, vessel-wall plaque, small-vessel disease: a run of angiolith."
    )
    crate.license = "not stated: that of the images and clinical data"
    crate.datePublished = ended
    crate.metadata.extra_contexts.append(TERMS)
    profiles = [crate.add(ContextEntity(crate, url, {"@type": "CreativeWork", "name": url})) for url in PROFILES]
    crate.root_dataset["conformsTo"] = profiles
    workflow = crate.add(
        ComputationalWorkflow(
            crate,
            dest_path="audit/Snakefile",
            properties={"name": "angiolith", "version": version},
        )
    )
    snakemake = ContextEntity(
        crate,
        "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        {"@type": "ComputerLanguage", "name": "Snakemake", "url": {"@id": "https://snakemake.readthedocs.io"}},
    )
    workflow["conformsTo"] = {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"}
    workflow["programmingLanguage"] = crate.add(snakemake)
    workflow["softwareRequirements"] = required_software(crate, entries)
    crate.mainEntity = workflow
    read = {hash_uri(entry.sha256): entry for entry in entries if entry.kind in ("input", "config")}
    given = [crate.add(ContextEntity(crate, uri, _facts(entry) | OUTSIDE)) for uri, entry in sorted(read.items())]
    made = [
        crate.add(File(crate, dest_path=entry.name, properties=_facts(entry)))
        for entry in entries
        if entry.kind == "output"
    ]
    made.append(crate.add(File(crate, dest_path=INVENTORY, properties={"encodingFormat": SUFFIX_TYPES[".tsv"]})))
    if with_methods:
        about = {"name": "Methods", "description": CAPTIONS[METHODS], "encodingFormat": "text/markdown"}
        workflow["subjectOf"] = crate.add(File(crate, dest_path=METHODS, properties=about))
    action = ContextEntity(
        crate,
        "#run",
        {
            "@type": "CreateAction",
            "name": "Run of angiolith",
            "description": "All rules of the workflow that the images and analyses of the study ask for.",
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "endTime": ended.isoformat(),
        },
    )
    crate.add(action)
    action["instrument"], action["object"], action["result"] = workflow, given, made
    crate.root_dataset["mentions"] = action
    return crate.metadata.generate()


def required_software(crate: ROCrate, entries: Iterable[Entry]) -> list[ContextEntity]:
    """The software of an inventory with its versions, added to a crate.

    Parameters
    ----------
    crate : ROCrate
        The crate, changed in place.
    entries : Iterable[Entry]
        Rows of the inventory.

    Returns
    -------
    list[ContextEntity]
        One entity per version.
    """
    return [
        crate.add(
            ContextEntity(
                crate,
                f"#{entry.name}-{entry.value}",
                {"@type": "SoftwareApplication", "name": entry.name, "softwareVersion": entry.value},
            )
        )
        for entry in entries
        if entry.kind == "version"
    ]


def hash_uri(sha256: str) -> str:
    """A file's name by its content (RFC 6920).

    Parameters
    ----------
    sha256 : str
        SHA-256 in hex.

    Returns
    -------
    str
        A `ni:` address.
    """
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")


def _facts(entry: Entry) -> dict[str, str]:
    kind = SUFFIX_TYPES.get(Path(entry.name).suffix) or mimetypes.guess_type(entry.name)[0]
    name = Path(entry.name).name
    facts = {"@type": "File", "name": name, "contentSize": entry.size_bytes, "sha256": entry.sha256}
    caption = next((text for pattern, text in CAPTIONS.items() if fnmatch(entry.name, pattern)), None)
    return facts | ({"encodingFormat": kind} if kind else {}) | ({"description": caption} if caption else {})


def dataset_description(version: str, title: str) -> dict[str, Any]:
    """dataset_description.json of the derivatives.

    Parameters
    ----------
    version : str
        Version of angiolith.
    title : str
        Title of the data set.

    Returns
    -------
    dict[str, Any]
        Content of the file.
    """
    generated = {"Name": "angiolith", "Version": version, "Description": "images to measures, tables and report"}
    return {"Name": title, "BIDSVersion": BIDS_VERSION, "DatasetType": "derivative", "GeneratedBy": [generated]}


def spatial_sidecar() -> dict[str, str]:
    """Sidecar for all label maps of one space (BIDS inheritance): on the grid of that image of the session."""
    return {"SpatialReference": "orig", "Description": "on the grid of the session's own image that `space` names"}


def bidsignore(patterns: Iterable[str] = NOT_BIDS) -> str:
    """.bidsignore: what BIDS has no name for, each with its reason in `NOT_BIDS`.

    Parameters
    ----------
    patterns : Iterable[str]
        Patterns of file names.

    Returns
    -------
    str
        Content of the file.
    """
    return "".join(f"{pattern}\n" for pattern in patterns)
