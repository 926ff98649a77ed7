"""What `run`, `check` and `plan` are asked, checked before Snakemake starts, and the line that starts it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from angiolith.cli.exits import UsageProblem
from angiolith.core.names import nearest
from angiolith.runtime.paths import workflow_root
from angiolith.runtime.records import LOGS, RUN_CONFIG, last_request

if TYPE_CHECKING:
    from angiolith.core.config import Config
    from angiolith.core.manifest import Index, Row

NO_IMAGES = "-"
LOCAL = "local"
CLUSTER = "cluster"  # what all profiles of clusters share: grouping, memory and time


class Level(StrEnum):
    """How far a run goes."""

    PARTICIPANT = "participant"
    GROUP = "group"


@dataclass(frozen=True)
class Request:
    """The command line of a run. `bids_dir` is None where there are no images, only tables to be analysed."""

    bids_dir: Path | None
    output_dir: Path
    level: Level = Level.GROUP
    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    configs: tuple[Path, ...] = ()
    cores: int | None = None
    profile: str = LOCAL
    extra: tuple[str, ...] = ()  # options for Snakemake, as they are


@dataclass(frozen=True)
class Prepared:
    """A request that can be run: its rows of the manifest, and the configuration that Snakemake is given last."""

    request: Request
    config: Config
    rows: list[Row]
    index: Index
    own_settings: dict[str, Any] = field(default_factory=dict)

    @property
    def subjects(self) -> list[str]:
        return sorted({row.subject for row in self.rows})

    @property
    def cores(self) -> int | None:
        """How many jobs' cores this machine gives; None on a cluster where it was not stated."""
        given = self.request.cores
        return given or (cores_here() if self.request.profile == LOCAL else None)


def cores_here() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def labels(given: Iterable[str], prefix: str) -> tuple[str, ...]:
    """BIDS labels without their prefix; commas part them too."""
    return tuple(label.removeprefix(prefix) for text in given for label in text.replace(",", " ").split())


def prepared(request: Request) -> Prepared:
    """Check a request. Raises UsageProblem, ConfigError or ManifestError."""
    from angiolith.core.config import validate
    from angiolith.core.config.plan import check_plan
    from angiolith.core.config.sources import ConfigError

    if request.cores is not None and request.cores < 1:
        raise UsageProblem(f"--cores {request.cores}: give at least 1")
    profile_options(request.profile)
    request = named_as_before(request)
    merged = read_configs(request.configs)
    own = own_settings(request, merged)
    try:
        config = validate(merged | own, request.configs)
        check_plan(config, request.configs)
    except ConfigError as problem:
        raise UsageProblem(str(problem)) from None
    index = indexed(config)
    return Prepared(request, config, chosen_rows(request, index.rows), index, own)


def named_as_before(request: Request) -> Request:
    """The request with the names that the last run gave to the folders, where these lead to the same folders.

    Snakemake knows a file by the path that it was given: one folder by a relative and by an absolute path would be two,
    and files that changed code or settings concern would not be made again. A note says where the last run was started
    in another working folder, which holds what Snakemake knows.
    """
    last = last_request(request.output_dir)
    if "output_dir" not in last:
        return request
    output, bids = Path(last["output_dir"]), last.get("bids_dir")
    if not same(output, request.output_dir):
        if not output.is_absolute():
            print(
                f"note: the last run of {request.output_dir} was started where this folder is called {output}. "
                "Started from here, results that are there are not made again when code or settings change.",
                file=sys.stderr,
            )
        return request
    if bids and request.bids_dir and same(bids, request.bids_dir):
        request = replace(request, bids_dir=Path(bids))
    return replace(request, output_dir=output)


def read_configs(files: Sequence[Path]) -> dict[str, Any]:
    """The configuration files merged as Snakemake merges them."""
    from angiolith.audit.settings import merge
    from angiolith.core.config.sources import ConfigError, read_config

    merged: dict[str, Any] = {}
    for file in files:
        try:
            merge(merged, read_config(file))
        except ConfigError as problem:
            raise UsageProblem(str(problem)) from None
    return merged


def own_settings(request: Request, merged: dict[str, Any]) -> dict[str, Any]:
    """The settings that the command line gives, for a configuration file of the run's own.

    Raises UsageProblem where folders are missing or equal, or a configuration file says something else.
    """
    output, bids = request.output_dir, request.bids_dir
    own: dict[str, Any] = {"output_dir": str(output)}
    if output.exists() and not output.is_dir():
        raise UsageProblem(f"{output}: is a file; give a folder as OUTPUT_DIR")
    _agree(merged.get("output_dir"), output, "output_dir", "OUTPUT_DIR")
    if bids is None:
        if merged.get("bids_dir") or merged.get("manifest"):
            raise UsageProblem(f"BIDS_DIR is {NO_IMAGES}, but a configuration file names images; give their folder")
    elif not bids.is_dir():
        raise UsageProblem(f"{bids}: no such folder (BIDS_DIR)")
    elif same(bids, output):
        raise UsageProblem(f"{output}: is the BIDS folder itself; give another OUTPUT_DIR")
    elif merged.get("manifest"):
        _agree(Path(merged["manifest"]).parent, bids, "manifest", "BIDS_DIR")
    else:
        _agree(merged.get("bids_dir"), bids, "bids_dir", "BIDS_DIR")
        own["bids_dir"] = str(bids)
    if request.participants:
        own["subjects"] = list(request.participants)
    if request.sessions:
        own["sessions"] = list(request.sessions)
    return own


def same(one: str | Path, other: str | Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _agree(configured: str | Path | None, given: Path, key: str, argument: str) -> None:
    if configured is not None and not same(configured, given):
        raise UsageProblem(
            f"{key}: the configuration says {configured}, the command line {given} ({argument}); "
            "delete the key, or give the same folder"
        )


def indexed(config: Config) -> Index:
    """The rows of the manifest, and what became of every file. Raises ManifestError."""
    from angiolith.core.manifest import Index, IndexSettings, index_bids, index_manifest

    settings = IndexSettings.of(config)
    if config.bids_dir:
        return index_bids(config.bids_dir, settings)
    return index_manifest(config.manifest, settings) if config.manifest else Index([], [])


def chosen_rows(request: Request, rows: Sequence[Row]) -> list[Row]:
    """The rows of the participants and sessions that were asked for; each label must be there."""

    def subject(row: Row) -> str:
        return row.subject

    def session(row: Row) -> str:
        return row.session

    from angiolith.core.config.plan import nearest_label

    left = list(rows)
    for option, given, label in (
        ("--participant-label", request.participants, subject),
        ("--session-label", request.sessions, session),
    ):
        known = sorted({label(row) for row in left})
        for name in given:
            if name not in known:
                raise UsageProblem(f"{option} {name}: not in {request.bids_dir}; {nearest_label(name, known)}")
        left = [row for row in left if not given or label(row) in given]
    return left


def profile_options(name: str) -> list[str]:
    """Snakemake's options for a profile: one of the project's, a folder, or one of the user's own.

    Raises UsageProblem for a name that is none.
    """
    folder = workflow_root() / "config" / "profiles"
    known = sorted(path.name for path in folder.iterdir() if path.name != CLUSTER)
    if name == LOCAL:
        return []
    if name in known:
        return ["--workflow-profile", str(folder / CLUSTER), "--profile", str(folder / name)]
    own = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "snakemake" / name
    if Path(name).is_dir() or own.is_dir():
        return ["--profile", name]
    raise UsageProblem(f"--profile {name}: no such profile or folder; {nearest(name, known)}")


def own_config_text(prepared: Prepared) -> str:
    """The run's own configuration file."""
    head = "# What the command line of `angiolith` stated; the last of the run's configuration files.\n"
    return head + yaml.safe_dump(prepared.own_settings, sort_keys=False, allow_unicode=True)


def write_own_config(prepared: Prepared, path: Path) -> Path:
    """Write the run's own configuration file (in the output folder, where the printed line is to be repeated)."""
    text = own_config_text(prepared)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageProblem(
            f"{path}: cannot be written ({error.strerror}); give an OUTPUT_DIR that you may write to"
        ) from None
    return path


def config_for_plan(prepared: Prepared, path: Path) -> Path:
    """The last run's own configuration file where it says the same, since its name is part of the plan; else `path`."""
    last = prepared.request.output_dir / LOGS / RUN_CONFIG
    if last.is_file() and last.read_text(encoding="utf-8") == own_config_text(prepared):
        return last
    return write_own_config(prepared, path)


def snakemake_line(prepared: Prepared, own_config: Path, *more: str) -> list[str]:
    """The command that runs the request: plain Snakemake, to be repeated from the same working folder."""
    request = prepared.request
    line = [sys.executable, "-m", "snakemake", "--snakefile", str(workflow_root() / "Snakefile")]
    line += ["--configfile", *map(str, request.configs), str(own_config)]
    if prepared.cores:
        line += ["--cores", str(prepared.cores)]
    line += [*profile_options(request.profile), *more, *request.extra]
    return [*line, "participants"] if request.level is Level.PARTICIPANT else line
