"""A run as it lies there, against its inventory, the records of its jobs, today's code, settings and image folder.

    angiolith verify OUTPUT_DIR [--quick] [--rerun SUBJECT] [--absent SUBJECT]

Each finding is one line `kind<TAB>file<TAB>why`:

changed     its bytes are not those that its job left, or that were there when the inventory was written
lost        it is in the inventory and not on the disk
added       it is in the output folder and belongs to no job of the run
stale       its code, a setting or an input changed since it was made, or it was made from something stale
unrecorded  no job that ended well says that it made this file
differs     (--rerun) made again elsewhere, its bytes are others
outdated    its job ran again after the inventory was written: run the workflow to the end

Exit status: 0 nothing found, 1 something found, 2 cannot be verified. Snakemake's metadata (.snakemake) are not read.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from angiolith.audit.inventory import (
    CACHE,
    FILES,
    INVENTORY,
    ROOT,
    Entry,
    Hasher,
    read_inventory,
)
from angiolith.audit.settings import current_settings, setting_changes
from angiolith.core.config.sources import ConfigError
from angiolith.core.manifest import (
    IndexSettings,
    ManifestError,
    Row,
    index_bids,
    index_manifest,
    manifest_text,
)
from angiolith.core.settings.section import PlainSettings
from angiolith.runtime.code_digest import code_digest
from angiolith.runtime.paths import source_path
from angiolith.runtime.records import LOGS, OWN_RECORD, Record, name_in, path_of, read_records, sha256
from angiolith.runtime.version import runtime_version

MANIFEST = "manifest.tsv"
PLANNED = (MANIFEST, "manifest_report.tsv")  # written when the workflow is planned, by no job
AUDIT_RULES = ("write_inventory", "write_ro_crate")  # these come after the inventory and are known by their records
RUN_ON = "run the workflow again"


class Finding(NamedTuple):
    kind: str
    name: str
    why: str


class Unverifiable(RuntimeError):
    """There is nothing to verify against; the message says what to do."""


def verify(root: Path, quick: bool = False) -> list[Finding]:
    """Everything that is wrong with the run in `root`, sorted; empty if it is as it was left and nothing moved since.

    `quick` believes the hashes remembered for files whose size, modification and change time and inode are the same.

    Parameters
    ----------
    root : Path
        The output folder.
    quick : bool
        Whether remembered hashes are believed.

    Returns
    -------
    list[Finding]
        Findings, sorted.

    Raises
    ------
    Unverifiable
        For a run that is not finished, or whose records cannot be read.
    """
    try:
        entries = read_inventory(root)
        records = {record.name: record for record in read_records(root)}
    except FileNotFoundError:
        raise Unverifiable(f"{root / INVENTORY}: no such file; run the workflow to its end first") from None
    except ValueError as problem:
        raise Unverifiable(str(problem)) from None
    hasher = Hasher(root / CACHE) if quick else sha256
    listed = {entry.name: entry for entry in entries if entry.kind in FILES}
    now: dict[str, str | None] = {}
    for name in [*listed, *(name for record in records.values() for name in (*record.inputs, *record.outputs))]:
        if name not in now:
            path = path_of(root, name)
            now[name] = hasher(path) if path.is_file() else None
    used = {name: record for name, record in records.items() if name in listed or record.rule in AUDIT_RULES}
    try:
        settings = current_settings(root, used.get(OWN_RECORD))
    except ConfigError as problem:
        raise Unverifiable(str(problem)) from None
    findings = [
        *file_findings(listed, used, now),
        *added_files(root, listed, used),
        *stale_files(used, settings, now),
        *source_findings(root, used, settings),
    ]
    return sorted(set(findings))


def file_findings(
    listed: Mapping[str, Entry], records: Mapping[str, Record], now: Mapping[str, str | None]
) -> Iterator[Finding]:
    """Files of the inventory (and the audit's own) that are lost, changed, unrecorded or newer than the inventory.

    Parameters
    ----------
    listed : Mapping[str, Entry]
        Name -> row of the inventory.
    records : Mapping[str, Record]
        Name -> record of the job.
    now : Mapping[str, str | None]
        Name -> SHA-256 of today; None where the file is gone.

    Yields
    ------
    Finding
        One finding.
    """
    for name, entry in listed.items():
        record = records.get(entry.made_by)
        if now[name] is None:
            yield Finding("lost", name, f"in the inventory, not on the disk: {restore(entry)}")
        elif entry.kind == "output":
            if record is None or name not in record.outputs:
                yield Finding("unrecorded", name, f"its job {entry.made_by} has not ended well since: {RUN_ON}")
            elif now[name] != record.outputs[name]:
                yield Finding("changed", name, f"not the bytes that its job left: delete it and {RUN_ON}")
            elif now[name] != entry.sha256:
                yield Finding("outdated", name, f"made again after the inventory was written: {RUN_ON}")
        elif now[name] != entry.sha256:
            kind = "outdated" if entry.kind == "record" else "changed"
            remedy = "restore it, or touch it (an old time stamp is not seen) and " if entry.kind == "input" else ""
            yield Finding(kind, name, f"not the bytes of the inventory: {remedy}{RUN_ON}")
        if entry.kind == "input" and not name.startswith("../") and name not in PLANNED:
            yield Finding("unrecorded", name, f"no job says that it made this file: delete it and {RUN_ON}")
    for record in records.values():
        if record.rule in AUDIT_RULES:
            for name, digest in record.outputs.items():
                if now[name] is None:
                    yield Finding("lost", name, f"the audit's own file: {RUN_ON}")
                elif now[name] != digest:
                    yield Finding("changed", name, f"not the bytes that its job left: delete it and {RUN_ON}")
    if OWN_RECORD not in records:
        yield Finding("unrecorded", INVENTORY, f"its job has not ended well: {RUN_ON}")


def restore(entry: Entry) -> str:
    """What to do about a file that is lost.

    Parameters
    ----------
    entry : Entry
        Its row of the inventory.

    Returns
    -------
    str
        The remedy.
    """
    return {"input": "restore it, or " + RUN_ON, "config": RUN_ON}.get(entry.kind, RUN_ON)


def added_files(root: Path, listed: Mapping[str, Entry], records: Mapping[str, Record]) -> Iterator[Finding]:
    """Files in the output folder that belong to nothing; logs and benchmarks may lie there.

    Parameters
    ----------
    root : Path
        The output folder.
    listed : Mapping[str, Entry]
        Name -> row of the inventory.
    records : Mapping[str, Record]
        Name -> record of the job.

    Yields
    ------
    Finding
        One finding.
    """
    known = {*listed, CACHE, INVENTORY, *PLANNED, *records}
    known |= {name for record in records.values() for name in record.outputs}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        top = name.split("/")[0]
        if name in known or path.is_dir() or top in ("benchmarks", ".snakemake"):
            continue
        if top == LOGS and path.suffix != ".json":
            continue
        if path.name.startswith(".writing-"):
            yield Finding("added", name, "left by a job that was killed: delete it")
        elif top == LOGS:
            yield Finding("added", name, "record of a job that no deliverable needs: delete it and its outputs")
        else:
            yield Finding("added", name, "belongs to no job of the run: delete it, or keep it elsewhere")


def stale_files(
    records: Mapping[str, Record], settings: PlainSettings, now: Mapping[str, str | None]
) -> Iterator[Finding]:
    """Outputs whose code, settings or inputs are not what they were made with, and all that was made from these.

    Parameters
    ----------
    records : Mapping[str, Record]
        Name -> record of the job.
    settings : PlainSettings
        Today's configuration as plain values.
    now : Mapping[str, str | None]
        Name -> SHA-256 of today; None where the file is gone.

    Yields
    ------
    Finding
        One finding.
    """
    maker = {name: record for record in records.values() for name in record.outputs}
    causes = {record.name: why for record in records.values() if (why := _cause(record, settings, maker, now))}
    readers: dict[str, list[Record]] = {}
    for record in records.values():
        for name in record.inputs:
            readers.setdefault(name, []).append(record)
    waiting = sorted(causes)
    while waiting:
        for name in records[waiting.pop()].outputs:
            for reader in readers.get(name, []):
                if reader.name not in causes:
                    causes[reader.name] = f"made from {name}, which is stale"
                    waiting.append(reader.name)
    for name, record in maker.items():
        if record.name in causes:
            yield Finding("stale", name, f"{causes[record.name]}: {RUN_ON}")


def _cause(
    record: Record, settings: PlainSettings, maker: Mapping[str, Record], now: Mapping[str, str | None]
) -> str | None:
    """Why the job's outputs are stale of themselves, or None.

    An input that a job made counts as what that job left: if it was edited since, it is the edit that is named.
    """
    if record.code != _digest_today(record.rule):
        return f"the code of {record.rule} changed"
    if moved := setting_changes(record, settings):
        return f"settings changed: {', '.join(moved)}"
    for name, digest in record.inputs.items():
        today = maker[name].outputs[name] if name in maker else now[name]
        if today != digest:
            return f"its input {name} {'is gone' if today is None else 'changed'}"
    return None


@cache
def _digest_today(rule: str) -> str | None:
    script = ROOT / "scripts" / f"{rule}.py"
    return code_digest(script, ROOT) if script.is_file() else None


def _rows_today(workdir: Path, root: Path, settings: PlainSettings) -> list[Row]:
    """The manifest's rows as the workflow would make them now."""
    images = {
        column: {entity: str(label) for entity, label in choice.items() if label is not None}
        for column, choice in (settings.get("images") or {}).items()
    }
    indexed = IndexSettings(root, settings.get("masks_dirs"), images, settings.get("session_order") or ())
    if settings.get("bids_dir"):
        return index_bids(workdir / settings["bids_dir"], indexed).rows
    return index_manifest(workdir / settings["manifest"], indexed).rows if settings.get("manifest") else []


def source_findings(root: Path, records: Mapping[str, Record], settings: PlainSettings) -> Iterator[Finding]:
    """Subject-sessions, images and ratings that came, went or moved since the run looked for them.

    Parameters
    ----------
    root : Path
        The output folder.
    records : Mapping[str, Record]
        Name -> record of the job.
    settings : PlainSettings
        Today's configuration as plain values.

    Yields
    ------
    Finding
        One finding.
    """
    own = records.get(OWN_RECORD)
    if own is None:
        return
    workdir = path_of(root, own.params["workdir"])
    bids, manifest = settings.get("bids_dir"), settings.get("manifest")
    try:
        rows = _rows_today(workdir, root, settings)
    except ManifestError as problem:
        yield Finding("changed", MANIFEST, str(problem))
        return
    today = manifest_text(rows).splitlines()
    written = (root / MANIFEST).read_text(encoding="utf-8").splitlines() if (root / MANIFEST).is_file() else []
    for line in sorted({*today} ^ {*written}):
        subject, session = line.split("\t")[:2]
        side = "in the images' folder or manifest" if line in today else "when the run was made"
        yield Finding("stale", MANIFEST, f"sub-{subject} ses-{session} is so only {side}: {RUN_ON}")
    read = {name for record in records.values() for name in record.inputs}
    images = workdir / (bids or Path(manifest or ".").parent)
    ratings = Path(workdir, settings["phenotype_dir"]) if settings.get("phenotype_dir") else images / "phenotype"
    for path in [images / "participants.tsv", *sorted(ratings.glob("*.tsv"))]:
        if rows and path.is_file() and name_in(root, path) not in read and not settings.get("participants"):
            yield Finding("added", name_in(root, path), f"came after the run: {RUN_ON}")


def other_versions(entries: Iterable[Entry]) -> list[str]:
    """Libraries of the run that are not here in the version that a job imported: a rerun may differ in last digits.

    Parameters
    ----------
    entries : Iterable[Entry]
        Rows of the inventory.

    Returns
    -------
    list[str]
        One line per library.
    """
    notes = []
    for entry in entries:
        if entry.kind == "runtime" and entry.value != (here := runtime_version()):
            notes.append(f"jobs ran with {entry.name} {entry.value}, here {here}; no result depends on it")
        if entry.kind == "version":
            try:
                here = platform.python_version() if entry.name == "python" else metadata.version(entry.name)
            except metadata.PackageNotFoundError:
                here = "missing"
            if here != entry.value:
                notes.append(f"made with {entry.name} {entry.value}, here {here}")
    return notes


def changed_sources(entries: Iterable[Entry]) -> list[str]:
    """The project's files that are not what they were in the run: what lies behind `the code of X changed`.

    Parameters
    ----------
    entries : Iterable[Entry]
        Rows of the inventory.

    Returns
    -------
    list[str]
        Names of files.
    """
    sources = {entry.name: entry.sha256 for entry in entries if entry.kind == "source"}
    paths = {name: source_path(name, ROOT) for name in sources}
    return [name for name, then in sources.items() if not paths[name].is_file() or sha256(paths[name]) != then]
