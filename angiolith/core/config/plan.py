"""Whether a configuration can be planned as it was meant: files that it names, subjects, names of analyses.

Every problem is one line: file and line of the configuration, key, value, remedy. Paths in the configuration are read
from the working folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from angiolith.core.config import Config
from angiolith.core.config.sources import ConfigError, near_file, place_of_key
from angiolith.core.names import nearest

TABLES = (".tsv", ".csv", ".xlsx", ".txt")
OF_IMAGES = ("patients", "lesions")  # tables that images give
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
INPUTS = ("bids_dir", "manifest", "analyses", "printed_tables")


def check_plan(config: Config, files: Sequence[str | Path]) -> None:
    """Raise ConfigError, one line per problem, for a configuration that would plan something else than was meant.

    Looks at the disk, not at the images (`check_subjects`).

    Parameters
    ----------
    config : Config
        The whole configuration.
    files : Sequence[str | Path]
        The user's configuration files, for messages.

    Raises
    ------
    ConfigError
        With one line per problem: files that are missing, folders that overlap, names of analyses.
    """
    problems = [f"{place_of_key(location, files)}: {text}" for location, text in _problems(config, files)]
    if problems:
        raise ConfigError("\n".join(problems))


def check_subjects(config: Config, known: Sequence[str], files: Sequence[str | Path]) -> None:
    """Raise ConfigError where `subjects` names one that the images do not have; known: the images' subjects.

    Parameters
    ----------
    config : Config
        The whole configuration.
    known : Sequence[str]
        Labels of the images' subjects.
    files : Sequence[str | Path]
        The user's configuration files, for messages.

    Raises
    ------
    ConfigError
        For a subject that has no images.
    """
    _check_labels("subjects", config.subjects, known, files)


def check_sessions(config: Config, known: Sequence[str], files: Sequence[str | Path]) -> None:
    """Raise ConfigError where `sessions` names one that the images do not have; known: the images' sessions.

    Parameters
    ----------
    config : Config
        The whole configuration.
    known : Sequence[str]
        Labels of the images' sessions.
    files : Sequence[str | Path]
        The user's configuration files, for messages.

    Raises
    ------
    ConfigError
        For a session that has no images.
    """
    _check_labels("sessions", config.sessions, known, files)


def _check_labels(key: str, given: Sequence[str] | None, known: Sequence[str], files: Sequence[str | Path]) -> None:
    where = place_of_key((key,), files)
    if given is not None and not given:
        nobody = "nobody" if key == "subjects" else "none"
        raise ConfigError(f"{where}: {key}: names {nobody}; delete the key for all {key}")
    lines = [
        f"{where}: {key}: {name!r} is no {key.removesuffix('s')} of the images; {nearest_label(name, known)}"
        for name in given or []
        if name not in known
    ]
    if lines and not known:
        lines = [f"{where}: {key}: there are no images to choose from; give bids_dir or manifest, or delete the key"]
    if lines:
        raise ConfigError("\n".join(lines))


def located(problem: Exception, files: Sequence[str | Path]) -> str:
    """A problem's text, with the configuration's file and line before it where it begins with a key.

    Parameters
    ----------
    problem : Exception
        The error; its text may begin with `key:`.
    files : Sequence[str | Path]
        The user's configuration files.

    Returns
    -------
    str
        The text, with the place where it is known.
    """
    text = str(problem)
    key = text.partition(":")[0]
    return f"{place_of_key((key,), files)}: {text}" if key in Config.model_fields else text


def nearest_label(name: str, known: Sequence[str]) -> str:
    """A hint for a label that is not there; leading zeros are the usual difference.

    Parameters
    ----------
    name : str
        The label that is not there.
    known : Sequence[str]
        Labels that are.

    Returns
    -------
    str
        The hint, without a full stop.
    """
    same = [label for label in known if label.lstrip("0").lower() == name.lstrip("0").lower()]
    if same:
        return f"did you mean {same[0]!r}?"
    hint = nearest(name, known)
    return hint if "did you mean" in hint or len(known) <= 10 else f"known: {', '.join(known[:10])}, ..."


def _problems(config: Config, files: Sequence[str | Path]) -> Iterator[tuple[tuple[str, ...], str]]:
    if not any(getattr(config, key) for key in INPUTS):
        if not files:
            yield (
                (),
                "no input: write a configuration (README.md, 'Your own data') and give it with --configfile my.yaml",
            )
        else:
            yield (), "no input: give bids_dir, manifest, analyses or printed_tables"
    yield from _folders(config)
    if config.manifest:
        for key in ("images", "masks_dirs"):
            if getattr(config, key):
                yield (key,), f"{key}: is for bids_dir; a manifest names its images and masks itself; delete one"
    tools = [key for key in type(config).model_fields if key.endswith("_tool")]
    named = [
        *(((key,), getattr(config, key), ()) for key in ("participants", "review", "analysis_plan")),
        *((("decisions",), path, ()) for path in config.decisions),
        (("report", "texts"), config.report.texts, ()),
        *(((key, "weights"), getattr(config, key).weights, ()) for key in tools),
        *((("printed_tables", name), path, ()) for name, path in config.printed_tables.items()),
        *((("analyses", name, "table"), each.table, OF_IMAGES) for name, each in config.analyses.items()),
    ]
    for location, given, others in named:
        if given and given not in others:
            text = _file_problem(given, location, others, config, files)
            if text:
                yield location, f"{'.'.join(location)}: {text}"
        elif given in OF_IMAGES and not (config.bids_dir or config.manifest):
            yield (
                location,
                f"{'.'.join(location)}: {given!r} needs images: give bids_dir or manifest, or a table of your own",
            )
    for key, names in (("analyses", config.analyses), ("printed_tables", config.printed_tables)):
        for name in names:
            if not NAME.fullmatch(name):
                yield (key, name), f"{key}: {name!r} begins the names of files: use letters, digits, _ and - only"


def _folders(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    here = f"(looked for from {Path.cwd()})"
    if config.bids_dir and not Path(config.bids_dir).is_dir():
        what = "is a file" if Path(config.bids_dir).exists() else "no such folder"
        yield ("bids_dir",), f"bids_dir: {config.bids_dir}: {what} {here}"
    if config.manifest and not Path(config.manifest).is_file():
        yield (
            ("manifest",),
            f"manifest: {config.manifest}: no such file {here}{near_file(Path(config.manifest), TABLES)}",
        )
    if config.phenotype_dir and not Path(config.phenotype_dir).is_dir():
        yield ("phenotype_dir",), f"phenotype_dir: {config.phenotype_dir}: no such folder {here}"
    if not config.output_dir.strip():
        yield ("output_dir",), "output_dir: is empty; give a folder"
    elif Path(config.output_dir).is_file():
        yield ("output_dir",), f"output_dir: {config.output_dir} is a file; give a folder"


def _file_problem(
    given: str, location: Sequence[str], others: Sequence[str], config: Config, files: Sequence[str | Path]
) -> str | None:
    """Why a file that the configuration names cannot be read, or None."""
    path = Path(given)
    if path.is_file() or path.resolve().is_relative_to(Path(config.output_dir).resolve()):
        return None  # or it is made by this run
    if path.is_dir():
        return f"{given}: is a folder; give a file"
    text = f"{given}: no such file (looked for from {Path.cwd()})"
    if location[0] in ("review", "decisions"):
        page = "review page" if location[0] == "review" else "page of marks"
        return f"{text}; save it on the report's {page}"
    for file in files:
        other = Path(file).parent / given
        if other.is_file():
            return f"{text}; it lies beside {Path(file).name}: write {other}"
    endings = TABLES if others else (path.suffix,)
    return f"{text}{near_file(path, endings, others)}"
