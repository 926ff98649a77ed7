"""Seals: a subject that is finished, and in which nothing has changed since, is left out of the graph of jobs.

When all of a subject's jobs have ended, one more (`seal_subject`) writes `seal.sha256`: the SHA-256 of every file that
the subject's results were made from or consist of, as `sha256sum --check` reads it. When the run ends, the subject's
plan is noted beside it (`stamp`): a digest of all else that decides which jobs there are to run (rules, code, settings,
the subject's rows of the manifest). While plan and files are the same, so is Snakemake's answer, nothing to do, and it
need not be asked. Anything else, a missing or broken file of this book-keeping included, opens the subject: Snakemake
then looks at its jobs as ever. A seal can save work and cannot hide any.

Files are judged as Snakemake does it: by size and time stamps, and by content where these differ. The states that are
compared stand in `logs/seal_subject/<subject>.seen`; a lost one costs hashing the subject's files again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from angiolith.core.tables import atomic_path
from angiolith.runtime.records import LOGS, name_in, read_record, sha256

SEALS = "audit/subjects"
UNSETTLED_NS = 2_000_000_000  # a younger file may change again within one tick of the file system's clock
HASHED_BYTES_MAX = 20e9  # at one planning; subjects beyond are looked at by Snakemake, and healed in later runs
NOT_SEALED = "# not sealed: "
GONE = "gone"
TEMPORARY = ".writing-"  # left by a job that was killed
LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def seal_path(root: str | Path, subject: str) -> Path:
    """Path of a subject's seal.

    Parameters
    ----------
    root : str | Path
        The output folder.
    subject : str
        Label of the subject.

    Returns
    -------
    Path
        The path.
    """
    return Path(root, SEALS, f"sub-{subject}", "seal.sha256")


def seen_path(root: str | Path, subject: str) -> Path:
    """Path of the note on the state of a sealed subject's files.

    Parameters
    ----------
    root : str | Path
        The output folder.
    subject : str
        Label of the subject.

    Returns
    -------
    Path
        The path.
    """
    return Path(root, LOGS, "seal_subject", f"{subject}.seen")


def digest(*parts: Any) -> str:
    """SHA-256 (16 hex digits) of plain values.

    Parameters
    ----------
    *parts : Any
        Plain values.

    Returns
    -------
    str
        16 hex digits.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def rules_digest(files: Iterable[Path]) -> str:
    """Digest of Snakemake files by their tokens: neither comments nor blank lines count.

    Parameters
    ----------
    files : Iterable[Path]
        Paths of Snakemake files.

    Returns
    -------
    str
        16 hex digits.
    """
    tokens = []
    for path in files:
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
            if token.type not in LAYOUT[:2]:
                tokens.append(token.type if token.type in LAYOUT else token.string)
    return digest(tokens)


def write_seal(root: Path, subject: str, inputs: Iterable[str | Path], records: Iterable[str] = ()) -> None:
    """Hash a finished subject: the files it was made from (`inputs`) and all in its folder and beside its seal.

    `records` names those of its jobs: a file that is not what a job read or left makes a seal that never holds, and
    says which file it is.

    Parameters
    ----------
    root : Path
        The output folder.
    subject : str
        Label of the subject.
    inputs : Iterable[str | Path]
        Paths of the files that the subject was made from.
    records : Iterable[str]
        Names of the records of its jobs.
    """
    path, seen = seal_path(root, subject), seen_path(root, subject)
    folders = (root / f"sub-{subject}", path.parent)
    found = (file for folder in folders for file in folder.rglob("*") if file.is_file() and file != path)
    own = [file for file in found if not file.name.startswith(TEMPORARY)]
    names = sorted({name_in(root, file) for file in (*inputs, *own)})
    seen.unlink(missing_ok=True)
    states = states_of(root, names)  # before the content is read
    hashes = {name: sha256(path) for name, path in zip(names, paths_in(root, names), strict=True)}
    contradiction = next(_contradictions(root, records, hashes), None)
    text = (
        f"{NOT_SEALED}{contradiction}\n"
        if contradiction
        else "".join(f"{sha}  {name}\n" for name, sha in hashes.items())
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    Seal(seen, text, "", states).save()


def _contradictions(root: Path, records: Iterable[str], hashes: Mapping[str, str]) -> Iterator[str]:
    for record in (read_record(root, name) for name in records):
        for verb, files in (("read", record.inputs), ("left", record.outputs)):
            for name, sha in files.items():
                if hashes.get(name, sha) != sha:
                    yield f"{name} is not what {record.rule} {verb}"


def paths_in(root: str | Path, names: Iterable[str]) -> list[str]:
    """The files that `name_in` named; `..` by name, since the output folder may be a symbolic link.

    Parameters
    ----------
    root : str | Path
        The output folder.
    names : Iterable[str]
        Names of files, as `name_in` gives them.

    Returns
    -------
    list[str]
        Paths.
    """
    base = os.path.abspath(root)
    return [os.path.normpath(f"{base}/{name}") if name.startswith("../") else f"{root}/{name}" for name in names]


def states_of(root: str | Path, names: Iterable[str]) -> list[str]:
    """Size, time stamps and inode of each file. The change time sees an edit that puts the modification time back; a
    file younger than the file system's clock can tell gets a state that is never met again.

    Parameters
    ----------
    root : str | Path
        The output folder.
    names : Iterable[str]
        Names of files, as `name_in` gives them.

    Returns
    -------
    list[str]
        One text per file.
    """
    states, now = [], time.time_ns()
    for path in paths_in(root, names):
        try:
            facts = os.stat(path)
        except OSError:
            states.append(GONE)
            continue
        young = max(facts.st_mtime_ns, facts.st_ctime_ns) > now - UNSETTLED_NS
        times = f"young {now}" if young else f"{facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"
        states.append(f"{facts.st_size} {times}")
    return states


@dataclass
class Seal:
    """A subject's seal as it is on the disk: its text, the plan that it was stamped with, the files' states."""

    seen: Path
    text: str
    plan: str
    states: Sequence[str]

    @classmethod
    def read(cls, root: Path, subject: str) -> Seal:
        """A subject's seal. Where nothing is noted of its files, they have to be hashed.

        Parameters
        ----------
        root : Path
            The output folder.
        subject : str
            Label of the subject.

        Returns
        -------
        Seal
            The seal.

        Raises
        ------
        OSError
            Where there is no seal.
        """
        seen, text = seen_path(root, subject), seal_path(root, subject).read_text(encoding="utf-8")
        try:
            plan, of, *states = seen.read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return cls(seen, text, "", ())
        return cls(seen, text, plan, states) if of == digest(text) else cls(seen, text, "", ())

    def save(self) -> None:
        """Write the note on the state of the files."""
        with atomic_path(self.seen) as temporary:
            temporary.write_text("\n".join((self.plan, digest(self.text), *self.states)), encoding="utf-8")


@dataclass
class Seals:
    """The seals of an output folder, judged against today's plans (subject -> digest)."""

    root: Path
    plans: Mapping[str, str]
    hashed_bytes: int = 0
    reasons: dict[str, str] = field(default_factory=dict)  # why a subject that has a seal is open all the same

    def sealed(self) -> set[str]:
        """The subjects whose seal holds."""
        return {subject for subject in self.plans if self._check(subject, stamped=True)}

    def stamp(self, subjects: Iterable[str]) -> None:
        """Note today's plan for subjects that Snakemake has found, or made, complete.

        Parameters
        ----------
        subjects : Iterable[str]
            Labels of the subjects.
        """
        for subject in subjects:
            if seal := self._check(subject, stamped=False):
                seal.plan = self.plans[subject]
                seal.save()

    def _check(self, subject: str, stamped: bool) -> Seal | None:
        """The seal if all its files are what it says and, where asked for, its plan is today's."""
        try:
            seal = Seal.read(self.root, subject)
        except OSError:
            return None
        why = seal.text.removeprefix(NOT_SEALED).strip() if seal.text.startswith(NOT_SEALED) else None
        if why is None and stamped and seal.plan != self.plans[subject]:
            why = "rules, code, settings or its rows of the manifest changed" if seal.plan else "its run did not end"
        why = why or self._difference(seal)
        if why:
            self.reasons[subject] = why
        return None if why else seal

    def _difference(self, seal: Seal) -> str | None:
        """What is not as it was sealed; files of another state are hashed, and their new state is kept."""
        lines = seal.text.splitlines()
        names = [line[66:] for line in lines]
        now = states_of(self.root, names)
        if now == seal.states:
            return None
        before = seal.states if len(seal.states) == len(now) else [GONE] * len(now)
        for line, path, state, known in zip(lines, paths_in(self.root, names), now, before, strict=True):
            if state == GONE:
                return f"{line[66:]} is gone"
            if state == known:
                continue
            self.hashed_bytes += int(state.split()[0])
            if self.hashed_bytes > HASHED_BYTES_MAX:
                return "more files have new time stamps than can be hashed now"
            if sha256(path) != line[:64]:
                return f"{line[66:]} changed"
        seal.states = now
        with suppress(OSError):  # somebody else's results: looked at, not written to
            seal.save()
        return None
