"""The record of a job: what it read and wrote, by SHA-256, with settings, code digest and versions.

Every job leaves one beside its log (`logs/<rule>/<wildcards>.json`) when it has ended well, and none otherwise. Names
are relative to the output folder, so that a run can be moved together with its inputs. A record holds no time and no
host: two equal jobs leave the same bytes. Imports are light, since every job has this one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from angiolith.core.tables import WRITING, read_json, write_json

UNKNOWN = "n/a"
LOGS = "logs"
OWN_RECORD = f"{LOGS}/write_inventory/cohort.json"
RUN_CONFIG, DRY_RUN_CONFIG, RUN_EVENTS = "run_config.yaml", "dry_run_config.yaml", "run_events.jsonl"
OWN_FILES = (RUN_CONFIG, DRY_RUN_CONFIG, RUN_EVENTS)  # of the command line, in LOGS: what was asked, what happened


def last_request(root: Path) -> dict[str, Any]:
    """What the last `angiolith run` of an output folder was asked for.

    Parameters
    ----------
    root : Path
        The output folder.

    Returns
    -------
    dict[str, Any]
        Keys of the configuration, `output_dir` among them; empty where none was run, or by plain Snakemake alone.
    """
    import yaml  # no job needs it

    try:
        settings = yaml.safe_load((root / LOGS / RUN_CONFIG).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return {}
    return settings if isinstance(settings, dict) else {}


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hex.

    Parameters
    ----------
    path : str | Path
        Path of the file.

    Returns
    -------
    str
        64 hex digits.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_in(root: str | Path, path: str | Path) -> str:
    """A path as seen from the output folder, `../` and all; symbolic links are not followed.

    Parameters
    ----------
    root : str | Path
        The output folder.
    path : str | Path
        Path of the file.

    Returns
    -------
    str
        The path from the output folder.
    """
    return Path(os.path.relpath(path, root)).as_posix()


def path_of(root: str | Path, name: str) -> Path:
    """The file that `name_in` named.

    Parameters
    ----------
    root : str | Path
        The output folder.
    name : str
        Name of `name_in`.

    Returns
    -------
    Path
        The absolute path.
    """
    return Path(os.path.normpath(os.path.join(os.path.abspath(root), name)))


@dataclass(frozen=True)
class Record:
    """A job that ended well. `inputs` and `outputs` map names to SHA-256."""

    name: str
    rule: str
    wildcards: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    params: Mapping[str, Any]
    versions: Mapping[str, str]
    runtime: str = UNKNOWN  # records of version 0.1 do not say it

    @property
    def code(self) -> str | None:
        """Digest of the job's code, None where it has none."""
        return self.params.get("code")


def record_path(log: str | Path) -> Path:
    """Path of the record that belongs to a log.

    Parameters
    ----------
    log : str | Path
        Path of the job's log.

    Returns
    -------
    Path
        The path.
    """
    return Path(log).with_suffix(".json")


def begin(log: str | Path, inputs: Iterable[str]) -> dict[str, str]:
    """Take away the record of an earlier run of the job, and hash what this one is about to read.

    Parameters
    ----------
    log : str | Path
        Path of the job's log.
    inputs : Iterable[str]
        Paths of the job's inputs.

    Returns
    -------
    dict[str, str]
        Name -> SHA-256.
    """
    record_path(log).unlink(missing_ok=True)
    return _hashes(root_of(log), inputs)


def finish(
    log: str | Path,
    rule: str,
    wildcards: Mapping[str, str],
    inputs: Mapping[str, str],
    outputs: Iterable[str],
    params: Mapping[str, Any],
    versions: Mapping[str, str],
    runtime: str,
) -> None:
    """Write the record of a job that ended well; `inputs` are what `begin` returned.

    Parameters
    ----------
    log : str | Path
        Path of the job's log.
    rule : str
        Name of the rule.
    wildcards : Mapping[str, str]
        Name -> label.
    inputs : Mapping[str, str]
        Name -> SHA-256, as `begin` returned them.
    outputs : Iterable[str]
        Paths of what the job wrote.
    params : Mapping[str, Any]
        The rule's params.
    versions : Mapping[str, str]
        Library -> version.
    runtime : str
        Version of angiolith.
    """
    content = {
        "rule": rule,
        "wildcards": dict(wildcards),
        "inputs": dict(inputs),
        "outputs": _hashes(root_of(log), outputs),
        "params": json.loads(json.dumps(dict(params), default=str)),
        "versions": dict(versions),
        "runtime": runtime,
    }
    write_json(content, record_path(log))


def root_of(log: str | Path) -> Path:
    """The output folder of a log (`<output>/logs/<rule>/<wildcards>.log`).

    Parameters
    ----------
    log : str | Path
        Path of the job's log.

    Returns
    -------
    Path
        The output folder.
    """
    return Path(log).absolute().parents[2]


def sweep(root: str | Path) -> None:
    """Delete what killed jobs left half written. For jobs that start when all others have ended.

    Parameters
    ----------
    root : str | Path
        The output folder.
    """
    for path in sorted(Path(root).rglob(f"{WRITING}*")):
        path.unlink()
        print(f"removed {path}, left by a job that was killed")


def read_records(root: str | Path) -> Iterator[Record]:
    """The records of all jobs under an output folder, by name.

    Parameters
    ----------
    root : str | Path
        The output folder.

    Yields
    ------
    Record
        One record.

    Raises
    ------
    ValueError
        If a record cannot be read; the message names the file.
    """
    for path in sorted(Path(root, LOGS).glob("*/*.json")):
        yield read_record(root, name_in(root, path))


def read_record(root: str | Path, name: str) -> Record:
    """One record by its name.

    Parameters
    ----------
    root : str | Path
        The output folder.
    name : str
        Name of the record.

    Returns
    -------
    Record
        The record.

    Raises
    ------
    ValueError
        If the record cannot be read; the message names the file.
    FileNotFoundError
        If there is none.
    """
    path = Path(root, name)
    try:
        return Record(name, **read_json(path))
    except (ValueError, TypeError) as problem:
        raise ValueError(f"{path}: not a job's record ({problem}); delete it and run the workflow again") from None


def record_of_run(root: str | Path) -> Record | None:
    """The record of the job that ends a run (it holds the whole configuration), or None in an unfinished run.

    Parameters
    ----------
    root : str | Path
        The output folder.

    Returns
    -------
    Record | None
        The record, or None.
    """
    return read_record(root, OWN_RECORD) if Path(root, OWN_RECORD).is_file() else None


def _hashes(root: Path, paths: Iterable[str]) -> dict[str, str]:
    return {name_in(root, path): sha256(path) for path in paths if os.path.isfile(path)}
