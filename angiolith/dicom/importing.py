"""An import from its beginning to its end: headers, volumes, persons, visits, verdicts, images, tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from angiolith.core.bids.walk import lies_in, subject_folders
from angiolith.dicom.classify import Decision, Verdict, ask, classify, fault_of, refuse
from angiolith.dicom.convert import ConversionProblem, convert, write_converted
from angiolith.dicom.dataset import add_rows, write_dataset_files, write_participants_description
from angiolith.dicom.headers import read_headers
from angiolith.dicom.listing import Listed, listed, read_listing, restored, write_listing
from angiolith.dicom.people import (
    Key,
    KeyProblem,
    complete_key,
    covariates,
    patient_of,
    read_key,
    shifted,
    study_day,
    write_key,
)
from angiolith.dicom.series import Volume, volumes_of
from angiolith.dicom.targets import Candidate, bids_name, settle
from angiolith.dicom.visits import VISIT_DAYS, sessions_of

Say = Callable[[str], None]
ENDINGS = (".nii.gz", ".json", ".bval", ".bvec")


@dataclass(frozen=True)
class Order:
    """What is to be imported, and where its private files lie."""

    export: Path
    bids_dir: Path
    key: Path
    series: Path
    visit_days: int = VISIT_DAYS
    shift_dates: bool = True
    list_only: bool = False


@dataclass
class Outcome:
    """What became of an export: its files, and the rows of all its series."""

    n_files: int = 0
    others: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Listed] = field(default_factory=list)
    n_new: int = 0
    """Images that were written."""

    @property
    def decisions(self) -> Counter[str]:
        """Number of series by decision."""
        return Counter(row.get("decision") for row in self.rows)


def private_files(bids_dir: Path) -> tuple[Path, Path]:
    """Where the key file and the table of series lie unless the user says otherwise: beside the BIDS folder.

    Parameters
    ----------
    bids_dir : Path
        The BIDS folder.

    Returns
    -------
    tuple[Path, Path]
        Paths of key file and table of series.
    """
    folder = bids_dir.absolute()
    return folder.with_name(f"{folder.name}_key.tsv"), folder.with_name(f"{folder.name}_series.tsv")


def import_dicom(order: Order, say: Say) -> Outcome:
    """Import an export.

    Parameters
    ----------
    order : Order
        What to import, and where to.
    say : Say
        Takes one line on the progress.

    Returns
    -------
    Outcome
        What was read, taken and left.

    Raises
    ------
    KeyProblem
        For a key file or an export in the BIDS folder.
    ListingProblem
        For a table of series that cannot be used.
    ManifestError
        For a table of the BIDS folder that cannot be used.
    """
    if lies_in(order.export, order.bids_dir):
        raise KeyProblem(f"{order.export}: the export lies in {order.bids_dir}, and names of patients with it; move it")
    if lies_in(order.series, order.bids_dir):
        raise KeyProblem(f"{order.series}: the table of series must lie outside of {order.bids_dir}")
    key, earlier = read_key(order.key, order.bids_dir), read_listing(order.series)
    headers, others = read_headers(order.export, lambda done, all_: say(f"read {done} of {all_} files"))
    volumes = volumes_of(headers)
    used = [Path(folder).name.removeprefix("sub-") for folder in subject_folders(str(order.bids_dir))]
    complete_key(key, volumes, order.shift_dates, used)
    write_key(key)
    earlier = restored(earlier, {person.subject for person in key.people.values()})
    outcome = Outcome(len(headers) + len(others), others)
    rows = dict(earlier)
    try:
        groups: dict[str, list[Volume]] = {}
        for volume in volumes:
            groups.setdefault(key.people[patient_of(volume)].subject, []).append(volume)
        for _, theirs in sorted(groups.items()):
            one = _Patient(order, key, theirs, earlier)
            done = one.run(say)
            rows |= {row.key: row for row in done}
            outcome.rows += done
            outcome.n_new += len(one.fresh)
    finally:
        write_listing(order.series, rows.values())
    return outcome


class _Patient:
    """The import of one patient's volumes."""

    def __init__(
        self, order: Order, key: Key, volumes: Sequence[Volume], earlier: Mapping[tuple[str, int], Listed]
    ) -> None:
        self.order, self.key, self.volumes, self.earlier = order, key, volumes, earlier
        self.person = key.people[patient_of(volumes[0])]
        self.fresh: dict[tuple[str, int], str] = {}
        self.candidates = {volume.key: self._candidate(volume) for volume in volumes}
        self.studies = {v.text("StudyInstanceUID"): study_day(v) for v in reversed(volumes)}
        self.sessions = self._sessions()

    def _sessions(self) -> dict[str, str]:
        """Study -> session: the user's answer, else that of an earlier import, else by the days."""
        own = [row for row in self.earlier.values() if row.get("subject") == self.person.subject]
        known = {row.get("study_uid"): row.get("session") for row in own}
        known |= {
            row.get("study_uid"): row.get("answer_session").removeprefix("ses-")
            for row in own
            if row.get("answer_session")
        }
        days = {row.get("study_uid"): row.get("study_day") or None for row in own}
        known = {study: label for study, label in known.items() if label}
        useful = {
            c.volume.text("StudyInstanceUID")
            for c in self.candidates.values()
            if c.verdict.decision in (Decision.TAKE, Decision.ASK)
        }
        studies = {study: day for study, day in self.studies.items() if study in useful or study in known}
        return sessions_of(studies, self.order.visit_days, known, days)

    def run(self, say: Say) -> list[Listed]:
        """Import every session; the rows of the table."""
        rows = []
        sessions = {volume.key: self.sessions.get(volume.text("StudyInstanceUID"), "") for volume in self.volumes}
        for session in sorted(set(sessions.values())):  # "": of studies that have nothing for any
            volumes = [volume for volume in self.volumes if sessions[volume.key] == session]
            rows += self._session(session, volumes, say)
        if not self.order.list_only and any(row.get("decision") == Decision.TAKE for row in rows):
            self._tables(rows)
        return rows

    def _session(self, session: str, volumes: Sequence[Volume], say: Say) -> list[Listed]:
        """Decide and convert until every taken image is made; where one cannot be made, the next serves."""
        given = [self.candidates[volume.key] for volume in volumes]
        before = self._before(session)
        while True:
            settled = settle(given, before)
            images = {c.volume.key: self._image(c, session) for c in settled if c.verdict.decision is Decision.TAKE}
            failed = None if self.order.list_only else self._convert(settled, images, session, say)
            if failed is None:
                break
            given = [failed if c.volume.key == failed.volume.key else c for c in given]
        if not self.order.list_only:
            self._withdraw(session, set(images.values()))
        return [
            listed(c, self.person.subject, session, images.get(c.volume.key, ""), self.earlier.get(c.volume.key))
            for c in settled
        ]

    def _candidate(self, volume: Volume) -> Candidate:
        """A volume with its verdict: the user's answer, or that of the rules."""
        row = self.earlier.get(volume.key)
        answer = row.get("answer") if row else ""
        verdict = classify(volume)
        fault = fault_of(volume)
        if answer == Decision.LEAVE:
            return Candidate(volume, Verdict(Decision.LEAVE, "", "left: your answer"), True)
        if answer:
            if fault and answer != "dwi":
                return Candidate(volume, refuse(fault))
            return Candidate(volume, Verdict(Decision.TAKE, answer, "taken: your answer"), True)
        problem = self.key.problems.get(patient_of(volume))
        if problem and verdict.decision is Decision.TAKE:
            return Candidate(volume, ask(problem, verdict.target))
        return Candidate(volume, verdict)

    def _image(self, candidate: Candidate, session: str) -> str:
        return bids_name(candidate.verdict.target, self.person.subject, session, candidate.echo)

    def _before(self, session: str) -> dict[str, str]:
        """Target -> the series that an earlier import took for it, where its image still stands."""
        return {
            row.get("target"): row.get("series_uid")
            for row in self._rows_of(session)
            if row.get("decision") == Decision.TAKE and self._file(row.get("image"), ".nii.gz").is_file()
        }

    def _rows_of(self, session: str) -> list[Listed]:
        subject = self.person.subject
        return [row for row in self.earlier.values() if (row.get("subject"), row.get("session")) == (subject, session)]

    def _file(self, image: str, ending: str) -> Path:
        return self.order.bids_dir / f"{image}{ending}"

    def _convert(
        self, settled: Iterable[Candidate], images: Mapping[tuple[str, int], str], session: str, say: Say
    ) -> Candidate | None:
        """Make the images that are new; the candidate that could not be made, with the reason, or None."""
        for candidate in settled:
            image = images.get(candidate.volume.key)
            if image is None or self._is_made(candidate, image):
                continue
            try:
                one = convert(candidate.volume, self.key.date_of(candidate.volume))
            except ConversionProblem as problem:
                return replace(candidate, verdict=refuse(str(problem)), answered=False)
            write_converted(one, self.order.bids_dir / image)
            self.fresh[candidate.volume.key] = image
            say(f"{image}.nii.gz" + (f" ({one.note})" if one.note else ""))
        return None

    def _is_made(self, candidate: Candidate, image: str) -> bool:
        """Whether this import or an earlier one made this image of these very files."""
        if self.fresh.get(candidate.volume.key) == image:
            return True
        row = self.earlier.get(candidate.volume.key)
        same = row is not None and row.get("image") == image and row.get("files") == str(candidate.volume.n_files)
        return same and self._file(image, ".nii.gz").is_file()

    def _withdraw(self, session: str, images: set[str]) -> None:
        """Delete images of an earlier import whose series the user has given another answer."""
        present = {volume.key for volume in self.volumes}
        for row in self._rows_of(session):
            image = row.get("image")
            if image and row.key in present and image not in images:
                for ending in ENDINGS:
                    self._file(image, ending).unlink(missing_ok=True)
                folder = self.order.bids_dir / f"sub-{self.person.subject}" / f"ses-{session}"
                name = self._file(image, ".nii.gz").relative_to(folder).as_posix()
                add_rows(self._scans(session), "filename", [], gone=[name])

    def _scans(self, session: str) -> Path:
        subject = self.person.subject
        return self.order.bids_dir / f"sub-{subject}/ses-{session}/sub-{subject}_ses-{session}_scans.tsv"

    def _tables(self, rows: Sequence[Listed]) -> None:
        """Add the person, the sessions and the images to the tables of the BIDS folder."""
        subject, root = self.person.subject, self.order.bids_dir
        write_dataset_files(root)
        taken = [row for row in rows if row.get("decision") == Decision.TAKE]
        days: dict[str, str] = {}
        for session in sorted({row.get("session") for row in taken}):
            theirs = [row for row in taken if row.get("session") == session]
            scans = [
                {"filename": row.get("image").split("/", 2)[2] + ".nii.gz", "acq_time": self._day(row)}
                for row in theirs
            ]
            add_rows(self._scans(session), "filename", scans)
            mri = [row for row in theirs if row.get("modality") == "MR"] or theirs
            days[session] = min(self._day(row) for row in mri)
        add_rows(
            root / f"sub-{subject}/sub-{subject}_sessions.tsv",
            "session_id",
            [{"session_id": f"ses-{session}", "acq_time": day} for session, day in days.items()],
        )
        first = min((day for day in self.studies.values() if day), default=None)
        add_rows(
            root / "participants.tsv",
            "participant_id",
            [{"participant_id": f"sub-{subject}", **covariates(self.volumes, first)}],
        )
        write_participants_description(root)

    def _day(self, row: Listed) -> str:
        day = row.get("study_day")
        return f"{shifted(day, self.person.shift_days)}T00:00:00" if day else "n/a"  # BIDS wants a time; it is hidden
