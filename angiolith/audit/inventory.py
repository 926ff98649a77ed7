"""Every input, output, setting, code digest, library version and host fact of a finished run, in one table.

What belongs to a run is followed from its deliverables back through the jobs' records, so that nothing is taken for a
result because it happens to lie in the folder. Columns: kind, name, sha256, size_bytes, value, made_by.

input     a file that no job made: images, readers' drawings, clinical tables, shipped lookup tables, the manifest
output    a file that a job made; `made_by` is the job's record
record    the record of a job
config    a configuration file that the run was given
setting   a value of the configuration, as JSON
code      a rule's code digest
source    a file of the project that a rule's code digest covers
runtime   the runtime's version, as at least one job ran with it: no part of the code digests
version   a library, as imported by at least one job
host      a fact of the machine that wrote the table

Logs and benchmarks hold run times: they are not listed. Names of files are relative to the output folder, those of
sources to the project's root. The table holds no time stamp: equal runs on equal hosts give equal bytes.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from angiolith.core.settings.section import PlainSettings
from angiolith.core.tables import atomic_path, read_json, write_json
from angiolith.runtime.code_digest import reached_sources
from angiolith.runtime.paths import workflow_root
from angiolith.runtime.records import Record, path_of, read_records, sha256

ROOT = workflow_root()
INVENTORY = "audit/inventory.tsv"
CACHE = "audit/.hashes.json"
KINDS = ("input", "output", "record", "config", "setting", "code", "source", "runtime", "version", "host")
FILES = ("input", "output", "record", "config")
NOT_KNOWN = "n/a"
SETTLED_NS = 2_000_000_000  # a younger file might change again within one tick of the file system's clock


class Entry(NamedTuple):
    """A row of the inventory; absent values are n/a."""

    kind: str
    name: str
    sha256: str = NOT_KNOWN
    size_bytes: str = NOT_KNOWN
    value: str = NOT_KNOWN
    made_by: str = NOT_KNOWN


class Hasher:
    """SHA-256 of files, with those remembered whose size, time stamps and inode are as they were.

    The change time (ctime) is looked at beside the modification time: an edit that puts the latter back is seen.
    """

    def __init__(self, cache: Path | None = None) -> None:
        self.cache, self.hashed = cache, 0
        try:
            self.known: dict[str, list[Any]] = read_json(cache) if cache else {}
        except (OSError, ValueError):  # none yet, or broken: everything is hashed
            self.known = {}
        self.seen: dict[str, list[Any]] = {}

    def __call__(self, path: str | Path) -> str:
        key, facts = os.path.abspath(path), os.stat(path)
        state = [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]
        known = self.known.get(key, [])
        if known[:4] == state:
            digest = known[4]
        else:
            digest, self.hashed = sha256(path), self.hashed + 1
        if time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns) > SETTLED_NS:
            self.seen[key] = [*state, digest]
        return digest

    def save(self) -> None:
        """Keep the hashes for the next time."""
        if self.cache:
            write_json(self.seen, self.cache)


@dataclass(frozen=True)
class Jobs:
    """The jobs behind the deliverables: their records by name, and the name of the record behind each output."""

    records: Mapping[str, Record]
    maker: Mapping[str, str]
    inputs: Sequence[str]

    def behind(self, name: str) -> Record | None:
        """The record of the job that made a file.

        Parameters
        ----------
        name : str
            Name of the file, as seen from the output folder.

        Returns
        -------
        Record | None
            The record, or None for a file that no job made.
        """
        return self.records.get(self.maker.get(name, ""))


def jobs_behind(targets: Iterable[str], records: Iterable[Record]) -> Jobs:
    """Follow targets (names) back through records to the files that no job made.

    Parameters
    ----------
    targets : Iterable[str]
        Names of files.
    records : Iterable[Record]
        Records of all jobs.

    Returns
    -------
    Jobs
        The jobs, the maker of each file, and the files that no job made.
    """
    everything = {record.name: record for record in records}
    maker = {output: record.name for record in everything.values() for output in record.outputs}
    waiting, reached, used, inputs = list(targets), set(), {}, []
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        if name not in maker:
            inputs.append(name)
            continue
        record = everything[maker[name]]
        used[record.name] = record
        waiting += [*record.inputs, *record.outputs]
    return Jobs(used, {name: maker[name] for name in reached if name in maker}, sorted(inputs))


def inventory(root: Path, targets: Iterable[str], settings: PlainSettings, configs: Iterable[str]) -> list[Entry]:
    """The rows of a finished run; `targets` and `configs` are names as seen from the output folder `root`.

    Files that were hashed before and look untouched keep their hash (`audit/.hashes.json`, which may be deleted).

    Parameters
    ----------
    root : Path
        The output folder.
    targets : Iterable[str]
        Names of the deliverables.
    settings : PlainSettings
        The whole configuration as plain values.
    configs : Iterable[str]
        Names of the configuration files.

    Returns
    -------
    list[Entry]
        Rows, sorted by kind and name.

    Raises
    ------
    FileNotFoundError
        For a file that a record names and that is gone.
    """
    hasher = Hasher(root / CACHE)
    jobs = jobs_behind(targets, read_records(root))

    def of_file(kind: str, name: str, made_by: str = NOT_KNOWN) -> Entry:
        path = path_of(root, name)
        return Entry(kind, name, hasher(path), str(path.stat().st_size), made_by=made_by)

    entries = [of_file("input", name) for name in jobs.inputs]
    entries += [of_file("output", name, record) for name, record in jobs.maker.items()]
    entries += [of_file("record", name) for name in jobs.records]
    entries += [of_file("config", name) for name in set(configs)]
    entries += [Entry("setting", name, value=value) for name, value in flat(settings)]
    entries += list(code_entries(jobs.records.values(), hasher))
    versions = {pair for record in jobs.records.values() for pair in record.versions.items()}
    entries += [Entry("version", name, value=value) for name, value in versions]
    runtimes = {record.runtime for record in jobs.records.values()}
    entries += [Entry("runtime", "angiolith.runtime", value=version) for version in runtimes]
    entries += [Entry("host", name, value=value) for name, value in host_facts().items()]
    hasher.save()
    return sorted(entries, key=lambda entry: (KINDS.index(entry.kind), *entry[1:]))


def code_entries(records: Iterable[Record], hasher: Hasher) -> Iterator[Entry]:
    """The code digest of every rule that ran, and the project's files that the digests cover.

    Parameters
    ----------
    records : Iterable[Record]
        Records of the jobs.
    hasher : Hasher
        Gives the SHA-256 of a file.

    Yields
    ------
    Entry
        One row.
    """
    rules = {record.rule: record.code for record in records if record.code}
    sources: dict[str, Path] = {}
    for rule, digest in rules.items():
        script = ROOT / "scripts" / f"{rule}.py"
        sources |= reached_sources(script, ROOT) if script.is_file() else {}
        yield Entry("code", rule, value=str(digest))
    for name, path in sources.items():
        yield Entry("source", name, hasher(path), str(path.stat().st_size))


def flat(settings: PlainSettings, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key and JSON value of every setting.

    Parameters
    ----------
    settings : PlainSettings
        Nested plain values.
    prefix : str
        Dotted prefix with its dot.

    Yields
    ------
    tuple[str, str]
        Dotted key and JSON text.
    """
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, sort_keys=True)


def host_facts() -> dict[str, str]:
    """What may matter to a result's last digits; no name of the machine or of its user."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    except OSError:
        model = ""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "cpu": model or platform.processor() or "unknown",
        "cpus": str(os.cpu_count()),
        "libc": "-".join(platform.libc_ver()),
    }


def inventory_text(entries: Iterable[Entry]) -> str:
    """The inventory as TSV text.

    Parameters
    ----------
    entries : Iterable[Entry]
        Rows of the inventory.

    Returns
    -------
    str
        Content of inventory.tsv.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(Entry._fields)
    writer.writerows(entries)
    return buffer.getvalue()


def write_inventory(entries: Iterable[Entry], path: str | Path) -> None:
    """Write the inventory, whole or not at all.

    Parameters
    ----------
    entries : Iterable[Entry]
        Rows of the inventory.
    path : str | Path
        Path of the file to write.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(inventory_text(entries), encoding="utf-8")


def read_inventory(root: str | Path) -> list[Entry]:
    """The rows of a run's inventory.

    Parameters
    ----------
    root : str | Path
        The output folder.

    Returns
    -------
    list[Entry]
        Rows.

    Raises
    ------
    FileNotFoundError
        If there is no inventory.
    ValueError
        If the file is no inventory.
    """
    path = Path(root, INVENTORY)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    if not rows or tuple(rows[0]) != Entry._fields or any(len(row) != len(Entry._fields) for row in rows):
        raise ValueError(f"{path}: not an inventory; delete it and run the workflow again")
    return [Entry(*row) for row in rows[1:]]
