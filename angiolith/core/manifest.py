"""The manifest: one row per subject-session, one column per image. Everything the workflow does expands from its rows.

A BIDS folder is walked once; or the user brings a table. Beside the rows stands an account of every image, mask and
drawing that was found: taken, or left out and why. Imports are light, since this runs whenever the workflow is planned.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from angiolith.core.bids.acquired import acquired
from angiolith.core.bids.choose import Candidate, choose
from angiolith.core.bids.dates import day_of
from angiolith.core.bids.names import (
    FOLDERS,
    UNREAD_FOLDERS,
    Place,
    column_of,
    entities_of,
    is_image,
    mask_of,
    place_of,
)
from angiolith.core.bids.sidecars import Sidecars
from angiolith.core.bids.visits import REMEDY, order_visits
from angiolith.core.bids.walk import (
    Found,
    files_of_subjects,
    is_dicom,
    is_own,
    lies_in,
    listing,
    near_subjects,
    same_place,
    subject_folders,
)
from angiolith.core.manifest_checks import (
    IMAGE_COLUMNS,
    MASK_COLUMNS,
    NIFTI,
    NO_SESSION,
    REFERENCES,
    ManifestError,
    Row,
    check_exists,
    check_name,
    check_space,
)
from angiolith.core.manifest_table import (
    LEFT_OUT,
    NAMED,
    NOT_APPLICABLE,
    NOTE,
    TAKEN,
    FileNote,
    manifest_text,
    read_manifest,
    read_report,
    report_text,
    write_if_changed,
)
from angiolith.core.names import nearest

if TYPE_CHECKING:
    from angiolith.core.config import Config

__all__ = [
    "IMAGE_COLUMNS",
    "REFERENCES",
    "FileNote",
    "Index",
    "IndexSettings",
    "ManifestError",
    "Row",
    "column_of",
    "index_bids",
    "index_manifest",
    "manifest_text",
    "read_manifest",
    "read_report",
    "report_text",
    "session_notes",
    "visit_pairs",
    "with_visits",
    "write_if_changed",
]

Columns = dict[str, list[str]]  # column -> paths below the BIDS folder that claim it
VISIT = "visit_number"
SHOWN = 3  # files that a refusal names
# [files] Of a folder that is no BIDS, so many are looked at for DICOM and NIfTI. Source: choice.
FILES_LOOKED_AT = 200


@dataclass(frozen=True)
class IndexSettings:
    """What the configuration says of the images' folder.

    output_dir: of this run, never read; masks_dirs: the folders of masks and drawings, None for every one in
    derivatives/; images: column -> entity -> the label to be used; session_order: labels of sessions, the first first.
    """

    output_dir: str | Path | None = None
    masks_dirs: Sequence[str] | None = None
    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    session_order: Sequence[str] = ()

    @classmethod
    def of(cls, config: Config) -> IndexSettings:
        """The settings of the index, from a configuration.

        Parameters
        ----------
        config : Config
            The whole configuration.

        Returns
        -------
        IndexSettings
            Output folder, folders of masks, choices of images and order of sessions.
        """
        images = {column: choice.asked for column, choice in config.images.items()}
        return cls(config.output_dir, config.masks_dirs, images, config.session_order)


@dataclass(frozen=True)
class Index:
    """The manifest's rows, sorted by subject and session, and what became of every file."""

    rows: list[Row]
    files: list[FileNote]


def index_bids(bids_dir: str | Path, settings: IndexSettings | None = None) -> Index:
    """Index `sub-*/[ses-*]/{ct,anat,swi,vwi,angio}` and the masks and drawings of `derivatives/<name>/`.

    Returns the rows (paths below `bids_dir`) and one `FileNote` for every NIfTI file, mask and drawing: taken, or left
    out with the reason; `manifest_report.tsv` in the output folder holds them, `angiolith check` shows them. Folders
    with results of this project are never indexed.

    Parameters
    ----------
    bids_dir : str | Path
        The BIDS folder.
    settings : IndexSettings | None
        What the configuration says of choosing; None for the defaults.

    Returns
    -------
    Index
        The manifest's rows (paths below `bids_dir`) and one note per file: taken, or left out with the reason.

    Raises
    ------
    ManifestError
        If the folder has no image that is read, and for what is not clear: two masks for one place, a
        name of another subject than its folder's, a bad date.
    """
    settings = settings or IndexSettings()
    root = str(Path(bids_dir))
    if not os.path.isdir(root):
        raise ManifestError(f"{root}: no such folder (bids_dir)")
    sidecars = Sidecars(root)
    found, files = _images(root)
    rows, masks = [], _masks(root, found, settings, files)
    for subject, keys in groupby(sorted(found), key=lambda key: key[0]):
        images: dict[str, dict[str, str]] = {}
        for key in keys:
            images[key[1]] = _chosen(root, key, found[key], settings, sidecars, files)
        times = acquired(root, subject, images, lambda path: sidecars.facts(f"{root}/{path}"))
        files += [
            FileNote(_below(root, path), subject, session or NOT_APPLICABLE, status=NOTE, reason=text)
            for path, session, text in times.notes
        ]
        for session, values in images.items():
            dates = {"acq_time": times.visits.get(session), "ct_acq_time": times.cts.get(session)}
            order = {"visit_order": times.conflict} if times.conflict and len(images) > 1 else {}
            known = {name: text for name, text in dates.items() if text} | order
            rows.append(Row(subject, session, values | masks.get((subject, session), {}) | known))
    if not any(row.reference or any(name in row.values for name in IMAGE_COLUMNS) for row in rows):
        raise ManifestError(_nothing(root, files))
    if settings.output_dir is not None:
        files += _output_note(root, settings.output_dir)
    rows = with_visits(rows, settings.session_order)
    return Index(rows, sorted([*files, *_order_notes(rows)]))


def _output_note(root: str, output_dir: str | Path) -> list[FileNote]:
    """A note for an output folder that lies in the BIDS folder where BIDS has no place for results."""
    if not lies_in(output_dir, root) or lies_in(output_dir, f"{root}/derivatives"):
        return []
    reason = "results among the images: BIDS has derivatives/ for them, such as derivatives/angiolith"
    return [FileNote(_below(root, str(output_dir)), status=NOTE, reason=reason)]


def index_manifest(path: str | Path, settings: IndexSettings | None = None) -> Index:
    """The rows of a manifest of the user's own, with the order of the visits.

    Its paths are below its folder; a file in the output folder of this run is none of the user's.

    Parameters
    ----------
    path : str | Path
        Path of the manifest; the images' paths start from its folder.
    settings : IndexSettings | None
        What the configuration says of choosing; None for the defaults.

    Returns
    -------
    Index
        The manifest's rows and one note per file.

    Raises
    ------
    ManifestError
        For a manifest or an image in this run's output folder, and for all that `read_manifest` refuses.
    """
    settings = settings or IndexSettings()
    images = Path(path).parent
    if settings.output_dir is not None and same_place(path, Path(settings.output_dir, "manifest.tsv")):
        raise ManifestError(f"manifest: {path} is where this run writes its own; give another output_dir, or rename it")
    rows = with_visits(read_manifest(path, images), settings.session_order)
    files = []
    for row in rows:
        for column, name in row.values.items():
            if column not in (*IMAGE_COLUMNS, *MASK_COLUMNS):
                continue
            if settings.output_dir is not None and lies_in(images / name, settings.output_dir):
                raise ManifestError(
                    f"{path}, sub-{row.subject} ses-{row.session}, {column}: {name} lies in output_dir: a result of "
                    "this run cannot be its input; copy it to a folder of your own"
                )
            files.append(FileNote(name, *row.key, column, TAKEN, NAMED))
    return Index(rows, sorted([*files, *_order_notes(rows)]))


def _order_notes(rows: Sequence[Row]) -> list[FileNote]:
    """A note for each subject whose visits cannot be ordered."""
    unknown = {row.subject: row.get("visit_order") for row in rows if row.get("visit_order") and not row.get(VISIT)}
    beginning = "no change between visits is measured: "
    return [FileNote(f"sub-{name}", name, status=NOTE, reason=f"{beginning}{why}") for name, why in unknown.items()]


def _below(root: str, path: str) -> str:
    return path[len(root) + 1 :] if path.startswith(f"{root}/") else path


def _nothing(root: str, files: Sequence[FileNote]) -> str:
    left = [f"{note.path}: {note.reason}" for note in files if note.status == LEFT_OUT]
    more = [f"... and {len(left) - SHOWN} more"] if len(left) > SHOWN else []
    if left:
        return "; ".join([f"{root}: holds no image that is read", *left[:SHOWN], *more])
    return f"{root}: holds no sub-*/ folder with images; {_instead(root)}see README, 'Your own data'"


def _instead(root: str) -> str:
    """What the folder holds in place of BIDS, and what makes BIDS of it; empty where that is not known."""
    files = (Path(folder, name) for folder, _, names in os.walk(root) for name in sorted(names))
    for path in islice(files, FILES_LOOKED_AT):
        if path.name.endswith((".nii", ".nii.gz")):
            return f"it has images under other names ({path}); "
        with suppress(OSError):
            if is_dicom(path):
                return f"it has DICOM files: angiolith import-dicom {root} BIDS_DIR makes a BIDS folder of them; "
    return ""


def _images(root: str) -> tuple[dict[tuple[str, str], Columns], list[FileNote]]:
    """Which raw images claim which column of which session, and those that are not read."""
    found: dict[tuple[str, str], Columns] = {}
    files: list[FileNote] = []
    unread: dict[tuple[str, str, str], int] = {}
    for file in files_of_subjects(root):
        if not is_image(file.path):
            continue
        if file.session is not None and file.folder is not None:
            columns = found.setdefault((file.subject, file.session), {})
            if file.folder in UNREAD_FOLDERS and not column_of(file.path):
                key = (file.subject, file.session, os.path.dirname(file.path))
                unread[key] = unread.get(key, 0) + 1
                continue
            place = place_of(file.path)
            if place.column:
                check_name(file.path, file.subject, file.session)
                columns.setdefault(place.column, []).append(_below(root, file.path))
                continue
        else:
            place = Place(None, _misplaced(file))
        files.append(_left(root, file, place.reason or NOT_APPLICABLE))
    for (subject, session, folder), count in unread.items():
        reason = f"images in {os.path.basename(folder)}/ are not measured"
        files.append(FileNote(_below(root, folder), subject, session, reason=reason, n_files=count))
    for path, name in near_subjects(root):
        files.append(FileNote(_below(root, path), reason=f"a subject's folder begins with sub-; did you mean {name}?"))
    return found, files


def _left(root: str, file: Found, reason: str) -> FileNote:
    return FileNote(_below(root, file.path), file.subject, file.session or NOT_APPLICABLE, reason=reason)


def _misplaced(file: Found) -> str:
    """Why an image that lies in no session, or in no folder of its kind, is not read."""
    if file.session is None:
        return (
            f"sub-{file.subject} has ses-*/ folders and this lies in none of them; "
            f"move it to the one that it belongs to (ses-<label>/{file.folder or 'anat'}/)"
        )
    return f"lies in no folder of its kind; move it to {', '.join(f'{name}/' for name in FOLDERS[:4])} ..."


def _chosen(
    root: str,
    key: tuple[str, str],
    columns: Columns,
    settings: IndexSettings,
    sidecars: Sidecars,
    files: list[FileNote],
) -> dict[str, str]:
    """Column -> path of the image that is used; what became of each goes to `files`."""
    values = {}
    for column, paths in columns.items():
        candidates = [Candidate(path, partial(sidecars.facts, f"{root}/{path}")) for path in paths]
        choice = choose(column, candidates, settings.images.get(column))
        files += [FileNote(path, *key, column, LEFT_OUT, reason) for path, reason in choice.left.items()]
        if choice.path:
            check_exists(f"{root}/{choice.path}")
            values[column] = choice.path
            files.append(FileNote(choice.path, *key, column, TAKEN, choice.how or NOT_APPLICABLE))
    return values


def _masks(
    root: str, found: Mapping[tuple[str, str], Columns], settings: IndexSettings, files: list[FileNote]
) -> dict[tuple[str, str], dict[str, str]]:
    """Masks and drawings of one's own by subject-session; those that are not read go to `files`."""
    masks: dict[tuple[str, str], Columns] = {}
    for folder in _mask_folders(root, settings, files):
        others = 0
        for file in files_of_subjects(folder):
            place = mask_of(file.path)
            if place.column is None and place.reason is None:
                others += file.path.endswith(NIFTI)
                continue
            key = (file.subject, file.session or NO_SESSION)
            reason = place.reason or _not_joined(file, key, found)
            if reason or place.column is None:
                files.append(FileNote(_relative(root, file.path), *key, reason=reason or NOT_APPLICABLE))
                continue
            check_name(file.path, *key)
            check_exists(file.path)
            masks.setdefault(key, {}).setdefault(place.column, []).append(_relative(root, file.path))
        if others:
            reason = "no masks or drawings that are read (config/README.md has their names)"
            files.append(FileNote(_relative(root, folder), reason=reason, n_files=others))
    return {key: _one_mask_each(root, key, columns, files) for key, columns in masks.items()}


def _mask_folders(root: str, settings: IndexSettings, files: list[FileNote]) -> Iterator[str]:
    """The folders whose masks and drawings are the user's: those named, else every other one in derivatives/."""
    if settings.output_dir is not None:
        _check_output(root, settings.output_dir)
    if settings.masks_dirs is not None:
        for name in settings.masks_dirs:
            folder = next((path for path in (f"{root}/{name}", name) if os.path.isdir(path)), None)
            if folder is None:
                known = [f"derivatives/{entry.name}" for entry in listing(f"{root}/derivatives")[0]]
                raise ManifestError(f"masks_dirs: {name!r}: no such folder in {root}; {nearest(name, known)}")
            if is_own(folder) or (settings.output_dir is not None and same_place(folder, settings.output_dir)):
                raise ManifestError(
                    f"masks_dirs: {name!r} holds results of angiolith, not masks of yours; copy those that you "
                    "corrected to a folder of their own and name that"
                )
            yield folder
        return
    for entry in listing(f"{root}/derivatives")[0]:
        if settings.output_dir is not None and same_place(entry.path, settings.output_dir):
            continue
        where = _below(root, entry.path)
        if entry.name.startswith("sub-"):
            if settings.output_dir is None or not same_place(f"{root}/derivatives", settings.output_dir):
                reason = "lies in no folder of its own; masks and drawings are looked for in derivatives/<name>/sub-*/"
                files.append(FileNote(where, reason=reason))
        elif is_own(entry.path):
            reason = "results of angiolith, which are never read as masks of yours; copy those that you corrected to a "
            files.append(FileNote(where, reason=reason + "folder of their own, without dataset_description.json"))
        else:
            yield entry.path
            for inner in listing(entry.path)[0]:
                if not inner.name.startswith("sub-") and subject_folders(inner.path) and not is_own(inner.path):
                    reason = (
                        f"a folder too deep: {inner.name}/ is looked for directly in derivatives/, or under masks_dirs"
                    )
                    files.append(FileNote(_below(root, inner.path), reason=reason))


def _check_output(root: str, output_dir: str | Path) -> None:
    """Raise ManifestError for an output folder among the user's own files."""
    if lies_in(root, output_dir):
        what = "is" if same_place(root, output_dir) else "holds"
        raise ManifestError(
            f"output_dir: {output_dir} {what} the BIDS folder {root}; give a folder of its own, "
            f"such as {root}/derivatives/angiolith"
        )
    for folder in (*subject_folders(root), f"{root}/phenotype"):
        if lies_in(output_dir, folder):
            raise ManifestError(
                f"output_dir: {output_dir} lies in {folder}, which holds inputs; give a folder of its own"
            )
    if lies_in(output_dir, f"{root}/derivatives") and not is_own(output_dir):
        for file in files_of_subjects(str(output_dir)):
            if mask_of(file.path).column:
                raise ManifestError(
                    f"output_dir: {output_dir} holds masks or drawings of yours ({os.path.basename(file.path)}), which "
                    "would be taken for results; give a folder of its own"
                )


def _relative(root: str, path: str) -> str:
    return os.path.relpath(path, root)


def _not_joined(file: Found, key: tuple[str, str], found: Mapping[tuple[str, str], Columns]) -> str | None:
    """Why a mask or drawing belongs to no session of the images."""
    if key in found:
        return None
    sessions = [session for subject, session in found if subject == file.subject]
    if not sessions:
        subjects = sorted({subject for subject, _ in found})
        return f"sub-{file.subject} has no images; {nearest(file.subject, subjects)}"
    where = f"ses-{file.session}" if f"/ses-{file.session}/" in file.path else "a path without ses-"
    near = nearest(key[1], sessions) if len(sessions) > 1 else f"did you mean {sessions[0]!r}?"
    return f"{where} is no session of sub-{file.subject}'s images; {near}"


def _one_mask_each(root: str, key: tuple[str, str], columns: Columns, files: list[FileNote]) -> dict[str, str]:
    values = {}
    for column, paths in columns.items():
        if len(paths) > 1:
            names = ", ".join(paths)
            raise ManifestError(
                f"{root}: {names} all claim the column {column!r} of one subject-session; keep one of them there, name "
                "the folder to use under masks_dirs, or the file in a manifest of your own (manifest: in the config)"
            )
        values[column] = paths[0]
        files.append(FileNote(paths[0], *key, column, TAKEN))
        if column == "arteries":
            space = entities_of(os.path.basename(paths[0])).get("space", "ct")
            check_space(space, paths[0])
            values["arteries_space"] = space
    return values


def session_notes(files: Iterable[FileNote]) -> dict[tuple[str, str], list[str]]:
    """What a reader of each subject-session should know of the choice of its images; `review: ` is for a look.

    Parameters
    ----------
    files : Iterable[FileNote]
        Notes of the index.

    Returns
    -------
    dict[tuple[str, str], list[str]]
        (subject, session) -> sentences.
    """
    every = list(files)
    have = {(note.subject, note.session, note.column) for note in every if note.status == TAKEN}
    notes: dict[tuple[str, str], list[str]] = {}
    for note in every:
        name, remarks = os.path.basename(note.path), notes.setdefault((note.subject, note.session), [])
        if note.status == TAKEN and note.reason not in (NOT_APPLICABLE, NAMED):
            remarks.append(f"{note.column}: {name} was chosen ({note.reason})")
        elif note.status == NOTE:
            remarks.append(f"review: {note.reason}")
        elif note.column != NOT_APPLICABLE and (*note[1:3], note.column) not in have:
            remarks.append(f"review: no {note.column}: {name}: {note.reason}")
        elif note.status == LEFT_OUT and "did you mean" in note.reason:
            remarks.append(f"review: {name} was not read: {note.reason}")
    return {key: list(dict.fromkeys(remarks)) for key, remarks in notes.items() if remarks}


def with_visits(rows: Sequence[Row], declared: Sequence[str] = ()) -> list[Row]:
    """The rows with the columns `visit_number` (1, 2, ...; absent where the order is not known) and `visit_order` (how
    it is known, or why it is not).

    A row's own number (a manifest of the user's) goes first.

    Parameters
    ----------
    rows : Sequence[Row]
        Rows of the manifest.
    declared : Sequence[str]
        Session labels in their order (`session_order`).

    Returns
    -------
    list[Row]
        The same rows with the two columns.

    Raises
    ------
    ManifestError
        For a subject with some visits numbered and others not, with one number twice, and where none of the declared
        labels is a session's.
    """
    labels = {label.removeprefix("ses-") for label in declared}
    if rows and labels and not labels & {row.session for row in rows}:
        sessions = sorted({row.session for row in rows})
        first = declared[0].removeprefix("ses-")
        raise ManifestError(f"session_order: no session is called {first!r}; {nearest(first, sessions)}")
    numbered = []
    for subject, group in groupby(sorted(rows, key=lambda row: row.key), key=lambda row: row.subject):
        visits = list(group)
        order, how = _order_of(subject, visits, declared)
        for row in visits:
            values = {name: text for name, text in row.values.items() if name not in (VISIT, "visit_order")}
            if len(visits) > 1:
                values |= {VISIT: str(order.index(row.session) + 1)} if order else {}
                values["visit_order"] = how
            numbered.append(replace(row, values=values))
    return numbered


def _order_of(subject: str, visits: Sequence[Row], declared: Sequence[str]) -> tuple[tuple[str, ...] | None, str]:
    given = [row.get(VISIT) for row in visits]
    if not any(given) or len(visits) == 1:
        conflict = next((row.get("visit_order") for row in visits if row.get("visit_order")), None)
        if conflict and len(visits) > 1:
            return None, conflict
        order = order_visits({row.session: row.get("acq_time") for row in visits}, declared)
        return order.sessions, order.how
    if not all(given) or len(set(given)) < len(given):
        raise ManifestError(
            f"sub-{subject}: the column visit_number needs a number of its own for each of its visits, or n/a for all"
        )
    ordered = sorted(visits, key=lambda row: int(row.values[VISIT]))
    dated = [row for row in ordered if row.get("acq_time")]
    for first, second in pairwise(dated):
        if day_of(first.values["acq_time"]) > day_of(second.values["acq_time"]):
            pair = f"ses-{first.session} and ses-{second.session}"
            return None, f"the column visit_number contradicts the dates of {pair}; {REMEDY}"
    return tuple(row.session for row in ordered), "the column visit_number"


def visit_pairs(rows: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """Subject -> (first, last) session of every subject with several visits in a known order (`with_visits`).

    Parameters
    ----------
    rows : Iterable[Row]
        Rows of the manifest, as `with_visits` returns them.

    Returns
    -------
    dict[str, tuple[str, str]]
        Subject -> first and last session.
    """
    visits: dict[str, list[Row]] = {}
    for row in rows:
        visits.setdefault(row.subject, []).append(row)
    pairs = {}
    for subject, sessions in visits.items():
        if len(sessions) > 1 and all(row.get(VISIT) for row in sessions):
            ordered = sorted(sessions, key=lambda row: int(row.values[VISIT]))
            pairs[subject] = (ordered[0].session, ordered[-1].session)
    return pairs
