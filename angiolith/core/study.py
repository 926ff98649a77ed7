"""What a run is planned from: the configuration, the manifest's rows, where files lie, and the steps of the workflow.

A `Step` says which files a rule reads and makes. The rules take their inputs and outputs from it, the run its targets,
the cohort's bundles their files. `angiolith.steps` is the table of all steps; each concept's folder holds its own.

Imports are light and every path is made by plain text, since all of it runs for each job when a run is planned.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from angiolith.core.bids.sidecars import Sidecars
from angiolith.core.manifest import IMAGE_COLUMNS, REFERENCES, Row, visit_pairs
from angiolith.core.names import beside

if TYPE_CHECKING:  # jobs that read the table of steps need no configuration model
    from angiolith.core.config import Config

Paths = str | list[str]
InputPaths = dict[str, Paths]


class Wildcards(Protocol):
    """What Snakemake hands to a function of a rule: the labels in the names of the job's files."""

    @property
    def subject(self) -> str:
        """Label of the job's subject."""

    def get(self, key: str, default: str = "") -> str:
        """One of the labels.

        Parameters
        ----------
        key : str
            Name of the wildcard.
        default : str
            Returned where the job has no such wildcard.

        Returns
        -------
        str
            The label.
        """


def _in_every_session(_session: Session) -> bool:
    return True


@dataclass(frozen=True)
class Picture:
    """A quality-control picture that a reader gives a verdict on."""

    name: str
    images: tuple[str, ...]
    """The images of the session of which one at least must be there for the picture to show anything."""
    takes_out: tuple[str, ...]
    """The measures that a failed picture takes out of the cohort's tables."""


@dataclass(frozen=True)
class Step:
    """A rule that makes files of one subject-session (`Session`), or of a subject's first and last visit (`Visits`)."""

    rule: str
    outputs: Mapping[str, str]
    """Name in the rule -> folder within the session's and end of the file's name, as "anat/desc-wmh.json"."""
    runs_for: Callable[[Session], bool] = _in_every_session
    """Whether there is anything to make in this session."""
    session_inputs: Callable[[Session], InputPaths] | None = None
    visits_inputs: Callable[[Visits], InputPaths] | None = None
    measures: Mapping[str, str] = field(default_factory=dict)
    """Kind of measure that the cohort collects -> the output that holds it."""
    pictures: tuple[Picture, ...] = ()
    behind: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For `trace`: rule that puts several markers into one table -> column (pattern) -> which of its inputs (pattern)
    are behind it. The first column that fits decides."""
    made_from: Mapping[str, str] = field(default_factory=dict)
    """For `trace`: output (pattern) -> which inputs (pattern) it is made from, where a rule makes several."""

    @property
    def of_visits(self) -> bool:
        """Whether the step is about a subject's visits together, and not about one session."""
        return self.visits_inputs is not None


@dataclass(frozen=True)
class Study:
    """All that inputs, outputs and targets of a run follow from."""

    config: Config
    rows: Sequence[Row]
    images: Path
    """The folder that the manifest's paths begin in."""
    resources: str
    """The folder of the files that the project ships, as seen from the working folder."""
    steps: Mapping[str, Step]
    remarks: Mapping[tuple[str, str], list[str]] = field(default_factory=dict)
    """Notes on the choice of a session's images, by subject and session."""
    decisions: Mapping[tuple[str, str], list[dict[str, str]]] = field(default_factory=dict)
    """What readers decided on a session's marks, by subject and session."""

    @cached_property
    def out(self) -> Path:
        """The folder of all results."""
        return Path(self.config.output_dir)

    @cached_property
    def prefix(self) -> str:
        """What the names of all results begin with."""
        return "" if str(self.out) == "." else f"{self.out}/"

    @cached_property
    def by_key(self) -> dict[tuple[str, str], Row]:
        """The manifest's rows by subject and session."""
        return {row.key: row for row in self.rows}

    @cached_property
    def subjects(self) -> list[str]:
        """Labels of the subjects, sorted."""
        return sorted(self.rows_of)

    @cached_property
    def rows_of(self) -> dict[str, list[Row]]:
        """The rows of every subject."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.subject, []).append(row)
        return found

    @cached_property
    def pairs(self) -> dict[str, tuple[str, str]]:
        """Subject -> first and last session, of every subject with two visits or more."""
        return visit_pairs(self.rows)

    @cached_property
    def _sidecars(self) -> Sidecars:
        return Sidecars(self.images)

    @cached_property
    def _described(self) -> dict[tuple[str, str], dict[str, list[str]]]:
        return {}

    def sidecars_of(self, session: Session) -> dict[str, list[str]]:
        """Column -> the JSON files that describe the image, those of higher folders included, the nearest last.

        Parameters
        ----------
        session : Session
            The session.

        Returns
        -------
        dict[str, list[str]]
            Column -> paths of JSON files.
        """
        key = session.row.key
        if key not in self._described:
            found = {column: self._sidecars.paths(path) for column, path in session.images().items()}
            self._described[key] = found
        return self._described[key]

    @cached_property
    def _image_paths(self) -> dict[str, str]:
        return {}

    def image_path(self, given: str) -> str:
        """Path of an image that the manifest names.

        Parameters
        ----------
        given : str
            The path as the manifest has it.

        Returns
        -------
        str
            The path from the working folder.
        """
        path = self._image_paths.get(given)
        if path is None:
            path = self._image_paths[given] = str(self.images / given)
        return path

    def file(self, name: str) -> str:
        """Path of a result, from its name in the output folder.

        Parameters
        ----------
        name : str
            Path below the output folder.

        Returns
        -------
        str
            The path from the working folder.
        """
        return self.prefix + name

    def resource(self, name: str) -> str:
        """Path of a file that the project ships: the same in every clone that is run in place.

        Parameters
        ----------
        name : str
            Path below the folder of resources.

        Returns
        -------
        str
            The path from the working folder.
        """
        return f"{self.resources}/{name}"

    def session_file(self, folder: str, ending: str) -> str:
        """Path of a session's file, with subject and session as wildcards.

        Parameters
        ----------
        folder : str
            Folder within the session, such as `ct`; may be empty.
        ending : str
            The file's name behind subject and session.

        Returns
        -------
        str
            The path with Snakemake's wildcards.
        """
        place = f"{folder}/" if folder else ""
        return self.file(f"sub-{{subject}}/ses-{{session}}/{place}sub-{{subject}}_ses-{{session}}_{ending}")

    def subject_file(self, ending: str) -> str:
        """Path of a file of a subject's visits together, with the subject as wildcard.

        Parameters
        ----------
        ending : str
            The file's name behind the subject.

        Returns
        -------
        str
            The path with Snakemake's wildcard.
        """
        return self.file(f"sub-{{subject}}/sub-{{subject}}_{ending}")

    def outputs_of(self, rule: str) -> dict[str, str]:
        """The outputs of a rule by name, with wildcards.

        Parameters
        ----------
        rule : str
            Name of the rule.

        Returns
        -------
        dict[str, str]
            Name -> path with wildcards.
        """
        step = self.steps[rule]
        if step.of_visits:
            return {name: self.subject_file(end) for name, end in step.outputs.items()}
        return {name: self.session_file(*_parts(end)) for name, end in step.outputs.items()}

    def inputs_of(self, rule: str) -> Callable[[Wildcards], InputPaths]:
        """Input function of a rule, for `unpack`: one call gives all inputs of a job by name.

        Parameters
        ----------
        rule : str
            Name of the rule.

        Returns
        -------
        Callable[[Wildcards], InputPaths]
            A function of the job's wildcards that returns name -> path.
        """
        step = self.steps[rule]
        of_session, of_visits = step.session_inputs, step.visits_inputs
        if of_session:
            return lambda wildcards: of_session(self.session(wildcards))
        assert of_visits, rule
        return lambda wildcards: of_visits(self.visits(wildcards.subject))

    def session(self, wildcards: Wildcards) -> Session:
        """The session that a job is about.

        Parameters
        ----------
        wildcards : Wildcards
            Wildcards of a job.

        Returns
        -------
        Session
            The session with the job's reference and contrast.
        """
        row = self.by_key[wildcards.subject, wildcards.get("session", "")]
        return Session(self, row, wildcards.get("reference", "") or row.reference or "", wildcards.get("contrast", ""))

    def sessions_of(self, subject: str) -> list[Session]:
        """Sessions of one subject, in the manifest's order.

        Parameters
        ----------
        subject : str
            Label of the subject.

        Returns
        -------
        list[Session]
            The sessions; empty for an unknown subject.
        """
        return [Session(self, row, row.reference or "") for row in self.rows_of.get(subject, [])]

    def visits(self, subject: str) -> Visits:
        """First and last visit of a subject who has several.

        Parameters
        ----------
        subject : str
            Label of the subject.

        Returns
        -------
        Visits
            The two sessions together.
        """
        first, last = (
            Session(self, row, row.reference or "")
            for row in (self.by_key[subject, session] for session in self.pairs[subject])
        )
        return Visits(self, subject, first, last)


@dataclass(frozen=True)
class Session:
    """One subject-session and its files."""

    study: Study
    row: Row
    reference: str
    """The image that all others of the session are registered to, or the one in the names of the job's files."""
    contrast: str = ""
    """The image in the names of the job's files, where there is one."""

    def has(self, *columns: str) -> bool:
        """Whether the session has one of these images or masks.

        Parameters
        ----------
        *columns : str
            Columns of the manifest.

        Returns
        -------
        bool
            True where one of them is filled.
        """
        return any(self.row.values.get(column) for column in columns)

    @property
    def has_mri(self) -> bool:
        """Whether the session has an MRI that can be the reference."""
        return self.row.reference in REFERENCES

    def image(self, column: str) -> Paths:
        """The image (or mask) of this column of the manifest, or nothing where the session has none.

        Parameters
        ----------
        column : str
            Column of the manifest.

        Returns
        -------
        Paths
            The path, or an empty list.
        """
        given = self.row.values.get(column)
        return self.study.image_path(given) if given is not None else []

    def images(self) -> dict[str, str]:
        """Column -> path of every image of the session."""
        values, path = self.row.values, self.study.image_path
        return {column: path(values[column]) for column in IMAGE_COLUMNS if column in values}

    def sidecars(self) -> list[str]:
        """The JSON files that describe the images."""
        return list(dict.fromkeys(path for paths in self.sidecars_of_images().values() for path in paths))

    def sidecars_of_images(self) -> dict[str, list[str]]:
        """Column -> the JSON files that describe the image, the nearest last."""
        return self.study.sidecars_of(self)

    def notes(self) -> list[str]:
        """Notes on the choice of the session's images."""
        return list(self.study.remarks.get(self.row.key, ()))

    def decisions(self, *kinds: str) -> list[dict[str, str]]:
        """What readers decided on the session's marks of these kinds; without any, of all.

        Parameters
        ----------
        *kinds : str
            Kinds of marks.

        Returns
        -------
        list[dict[str, str]]
            Rows of the readers' decisions.
        """
        return [row for row in self.study.decisions.get(self.row.key, ()) if not kinds or row["kind"] in kinds]

    def drawings(self, *kinds: str) -> list[str]:
        """The masks that readers drew of the session's marks of these kinds; without any, of all.

        Parameters
        ----------
        *kinds : str
            Kinds of marks.

        Returns
        -------
        list[str]
            Paths of masks, sorted.
        """
        return sorted({row["file"] for row in self.decisions(*kinds) if row["file"]})

    def mask_lookup(self) -> Paths:
        """The BIDS lookup table beside the artery mask, or nothing."""
        mask = self.image("arteries")
        table = beside(mask, ".tsv") if isinstance(mask, str) else ""
        return table if table and os.path.isfile(table) else []

    def file(self, folder: str, ending: str) -> str:
        """Path of a file of the session.

        Parameters
        ----------
        folder : str
            Folder within the session; may be empty.
        ending : str
            The file's name behind subject and session.

        Returns
        -------
        str
            The path from the working folder.
        """
        subject, session = self.row.subject, self.row.session
        place = f"{folder}/" if folder else ""
        return f"{self.study.prefix}sub-{subject}/ses-{session}/{place}sub-{subject}_ses-{session}_{ending}"

    def output(self, rule: str, name: str) -> str:
        """Path of an output that a step has in every session.

        Parameters
        ----------
        rule : str
            Name of the step's rule.
        name : str
            Name of the output.

        Returns
        -------
        str
            The path from the working folder.
        """
        ending = self.study.steps[rule].outputs[name]
        if "{" in ending:
            ending = ending.format(reference=self.reference)
        return self.file(*_parts(ending))

    def made(self, rule: str, name: str) -> Paths:
        """Path of an output of a step, or nothing where the step makes none in this session.

        Parameters
        ----------
        rule : str
            Name of the step's rule.
        name : str
            Name of the output.

        Returns
        -------
        Paths
            The path, or an empty list.
        """
        return self.output(rule, name) if self.study.steps[rule].runs_for(self) else []

    def b_values(self) -> Paths:
        """The b-values (.bval, as FSL has them) beside the diffusion-weighted series, or nothing."""
        series = self.image("dwi")
        table = beside(series, ".bval") if isinstance(series, str) else ""
        return table if table and os.path.isfile(table) else []

    @property
    def checks(self) -> str:
        """What the check of the images found."""
        return self.output("check_images", "checks")

    def to_reference(self, column: str, ending: str = ".tfm") -> Paths:
        """The transform (or, with ".json", its sidecar) that resamples this image onto the session's reference; nothing
        for the reference itself, and in a session without MRI.

        Parameters
        ----------
        column : str
            Column of the manifest.
        ending : str
            `.tfm` for the transform, `.json` for its sidecar.

        Returns
        -------
        Paths
            The path, or an empty list.
        """
        reference = self.row.reference
        if not self.row.values.get(column) or reference == column or reference not in REFERENCES:
            return []
        folder = "ct" if column == "ct" else "anat"
        return self.file(folder, f"from-{column}_to-{reference}_mode-image_xfm{ending}")

    def on_reference(self, *columns: str) -> InputPaths:
        """The transforms of these images with their sidecars, as `<image>_to_reference` and `..._facts`.

        Parameters
        ----------
        *columns : str
            Columns of the manifest.

        Returns
        -------
        InputPaths
            Name -> path, or an empty list where there is no transform.
        """
        found: InputPaths = {}
        for column in columns:
            found[f"{column}_to_reference"] = self.to_reference(column)
            found[f"{column}_to_reference_facts"] = self.to_reference(column, ".json")
        return found

    def from_template(self) -> InputPaths:
        """What brings the template's maps onto the session's reference: brain mask, displacement field, its status."""
        outputs = {"brain": "brain", "from_template": "from_template", "template_facts": "facts"}
        return {name: self.made("register_mri_to_template", output) for name, output in outputs.items()}


@dataclass(frozen=True)
class Visits:
    """A subject's first and last visit."""

    study: Study
    subject: str
    first: Session
    last: Session

    @property
    def both(self) -> tuple[Session, Session]:
        """First and last visit."""
        return self.first, self.last

    def file(self, ending: str) -> str:
        """Path of a file that belongs to the visits together.

        Parameters
        ----------
        ending : str
            The file's name behind the subject.

        Returns
        -------
        str
            The path from the working folder.
        """
        return f"{self.study.prefix}sub-{self.subject}/sub-{self.subject}_{ending}"

    def output(self, rule: str, name: str) -> str:
        """Path of an output of a step of the visits.

        Parameters
        ----------
        rule : str
            Name of the step's rule.
        name : str
            Name of the output.

        Returns
        -------
        str
            The path from the working folder.
        """
        return self.file(self.study.steps[rule].outputs[name])

    def of_both(self, inputs: Callable[[Session], InputPaths]) -> InputPaths:
        """The same inputs for both visits, as `<name>_first` and `<name>_second`.

        Parameters
        ----------
        inputs : Callable[[Session], InputPaths]
            Gives the inputs of one session by name.

        Returns
        -------
        InputPaths
            Name -> path of both sessions.
        """
        first, second = inputs(self.first), inputs(self.last)
        found: InputPaths = {}
        for name in first:
            found[f"{name}_first"] = first[name]
            found[f"{name}_second"] = second[name]
        return found


def _parts(ending: str) -> tuple[str, str]:
    """Folder and end of a file's name."""
    folder, _, name = ending.rpartition("/")
    return folder, name
