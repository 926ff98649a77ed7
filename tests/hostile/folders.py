"""The images' folder, a manifest, the configuration: what is said while the workflow is planned."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

from angiolith.core.config import validate
from angiolith.core.config.plan import check_plan, check_subjects
from angiolith.core.config.sources import ConfigError, read_config
from angiolith.core.manifest import (
    IndexSettings,
    ManifestError,
    index_bids,
    manifest_text,
    read_manifest,
    visit_pairs,
    write_if_changed,
)
from angiolith.core.manifest_checks import DATE_COLUMNS, VISIT_COLUMNS
from tests.hostile.case import CHOSEN, LEFT_OUT, NO_CHANGE, REFUSED, TAKEN, Answer, Case, refusal

SESSIONS = "sub-01/sub-01_sessions.tsv"
CT = "sub-01/ses-01/ct/sub-01_ses-01_ct.nii.gz"


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def bids(
    name: str,
    said: str,
    *files: str,
    texts: dict[str, str | bytes] | None = None,
    output_dir: str | None = None,
    **settings: Any,
) -> Case:
    """A BIDS folder with these files, refused."""

    def make(folder: Path) -> Answer:
        touch(folder, *files)
        for path, text in (texts or {}).items():
            (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        given = IndexSettings(None if output_dir is None else folder / output_dir, **settings)
        return refusal(ManifestError, lambda: index_bids(folder, given))

    return Case(name, REFUSED, said, make)


def linked(name: str, said: str, link: Callable[[Path], None]) -> Case:
    def make(folder: Path) -> Answer:
        touch(folder, CT)
        link(folder)
        return refusal(ManifestError, lambda: index_bids(folder))

    return Case(name, REFUSED, said, make)


def circular(folder: Path) -> None:
    (folder / CT).unlink()
    (folder / CT).symlink_to(Path(CT).name)


def subject_twice(folder: Path) -> None:
    (folder / "sub-02").symlink_to("sub-01")


ANAT = "sub-01/ses-01/anat/sub-01_ses-01"
MASK = "sub-01/ses-01/anat/sub-01_ses-01_space-FLAIR_desc-wmh_mask.nii.gz"


def told(
    name: str,
    outcome: str,
    said: str,
    *files: str,
    texts: dict[str, str] | None = None,
    beside: str = f"{ANAT}_T2w.nii.gz",
    **settings: Any,
) -> Case:
    """A BIDS folder with these files beside one image that is fine: what its report says of all but that one."""

    def make(folder: Path) -> Answer:
        touch(folder, beside, *files)
        for path, text in (texts or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        index = index_bids(folder, IndexSettings(**settings))
        notes = [note for note in index.files if note.path != beside and note.reason != "n/a"]
        line = "; ".join(f"{note.path}: {note.reason}" for note in notes)
        columns = {column for row in index.rows for column in row.values} - {"T2w", *DATE_COLUMNS, *VISIT_COLUMNS}
        found = TAKEN if not line else CHOSEN if columns else LEFT_OUT
        if any("no change between visits" in note.reason for note in notes):
            found = NO_CHANGE
        return Answer(found, line or "nothing was reported")

    return Case(name, outcome, said, make)


def ordered(name: str, said: str, *labels: str, texts: dict[str, str] | None = None, **settings: Any) -> Case:
    """A subject with visits of these labels: the first and the last, if that is known."""

    def make(folder: Path) -> Answer:
        touch(folder, *(f"sub-01/ses-{label}/anat/sub-01_ses-{label}_T1w.nii.gz" for label in labels))
        for path, text in (texts or {}).items():
            (folder / path).write_text(text)
        index = index_bids(folder, IndexSettings(**settings))
        pairs = visit_pairs(index.rows)
        if "01" not in pairs:
            (note,) = [note for note in index.files if note.status == "note"]
            return Answer(NO_CHANGE, f"{note.path}: {note.reason}")
        how = index.rows[0].get("visit_order")
        first, last = pairs["01"]
        return Answer(TAKEN, f"change is measured from ses-{first} to ses-{last}, by {how}")

    return Case(name, NO_CHANGE if "no change" in said else TAKEN, said, make)


def sessions_table(*rows: tuple[str, str]) -> dict[str, str]:
    return {SESSIONS: "session_id\tacq_time\n" + "".join(f"ses-{label}\t{day}\n" for label, day in rows)}


def kind(image_type: list[str]) -> str:
    return json.dumps({"ImageType": image_type})


OWN = json.dumps({"GeneratedBy": [{"Name": "angiolith", "Version": "0.1.0"}]})
BIDS_CASES = (
    told(
        "results of an older version among the derivatives",
        LEFT_OUT,
        "results of angiolith, which are never read as masks",
        f"derivatives/my_old_results/{MASK}",
        texts={"derivatives/my_old_results/dataset_description.json": OWN},
    ),
    told(
        "results of a run that was broken off",
        LEFT_OUT,
        "results of angiolith",
        f"derivatives/try1/{MASK}",
        "derivatives/try1/logs/check_images/01_01.log",
        texts={"derivatives/try1/manifest.tsv": "subject\tsession\n"},
    ),
    bids("output_dir is the BIDS folder", "is the BIDS folder", CT, output_dir="."),
    bids("output_dir holds the BIDS folder", "holds the BIDS folder", CT, output_dir=".."),
    bids("output_dir within a subject's folder", "which holds inputs", CT, output_dir="sub-01/results"),
    bids(
        "output_dir is the folder of the reader's masks",
        "holds masks or drawings of yours",
        CT,
        f"derivatives/readers/{MASK}",
        output_dir="derivatives/readers",
    ),
    ordered("visits 1, 2 and 10", "from ses-1 to ses-10, by labels (numbers)", "1", "2", "10"),
    ordered("visits 6m and 12m", "from ses-6m to ses-12m", "6m", "12m"),
    ordered("visits pre and post", "from ses-pre to ses-post, by labels (words)", "post", "pre"),
    ordered("visits A and B", "no change between visits is measured: which visit is the first", "A", "B"),
    ordered(
        "visits A and B, in a declared order",
        "from ses-B to ses-A, by session_order",
        "A",
        "B",
        session_order=["B", "A"],
    ),
    ordered("visits called by day and month", "no change", "01052020", "02042021"),
    ordered(
        "dates of three forms",
        "from ses-b to ses-a, by dates",
        "a",
        "b",
        "c",
        texts=sessions_table(("a", "20210501"), ("b", "2020-05-01T10:00:00"), ("c", "2020/12/24")),
    ),
    ordered(
        "dates in scans.tsv alone",
        "from ses-b to ses-a, by dates",
        "a",
        "b",
        texts={
            f"sub-01/ses-{s}/sub-01_ses-{s}_scans.tsv": f"filename\tacq_time\nanat/sub-01_ses-{s}_T1w.nii.gz\t{day}\n"
            for s, day in (("a", "2021-05-01"), ("b", "2020-05-01"))
        },
    ),
    ordered(
        "dates in sidecars alone",
        "from ses-b to ses-a, by dates",
        "a",
        "b",
        texts={
            f"sub-01/ses-{s}/anat/sub-01_ses-{s}_T1w.json": json.dumps({"AcquisitionDateTime": day})
            for s, day in (("a", "2021-05-01T10:00:00.0"), ("b", "20200501"))
        },
    ),
    ordered(
        "dates that contradict session_order",
        "no change between visits is measured: session_order contradicts the dates",
        "pre",
        "post",
        texts=sessions_table(("pre", "2021-05-01"), ("post", "2020-05-01")),
        session_order=["pre", "post"],
    ),
    ordered(
        "both visits on one day", "no change", "x", "y", texts=sessions_table(("x", "2020-05-01"), ("y", "2020-05-01"))
    ),
    ordered(
        "one date shifted, one not",
        "no change",
        "1",
        "2",
        texts=sessions_table(("1", "1900-05-01"), ("2", "2020-05-01")),
    ),
    told(
        "a session of sessions.tsv that does not exist",
        LEFT_OUT,
        "did you mean '01'?",
        texts=sessions_table(("1", "2020-05-01")),
    ),
    told("a phase image as the only SWI", LEFT_OUT, "only magnitude is measured", f"{ANAT}_part-phase_swi.nii.gz"),
    told(
        "magnitude and phase of SWI",
        CHOSEN,
        "a phase image (part-phase)",
        *(f"{ANAT}_part-{part}_swi.nii.gz" for part in ("mag", "phase")),
    ),
    told(
        "a phase image by its sidecar's ImageType alone",
        CHOSEN,
        "a phase image (ImageType of its sidecar)",
        *(f"{ANAT}_run-{run}_swi.nii.gz" for run in (1, 2)),
        texts={f"{ANAT}_run-2_swi.json": kind(["ORIGINAL", "PRIMARY", "P", "ND"])},
    ),
    told("a FLAIR after contrast alone", LEFT_OUT, "not used as a plain FLAIR", f"{ANAT}_ce-gadolinium_FLAIR.nii.gz"),
    told(
        "two runs",
        CHOSEN,
        "run-2_T1w.nii.gz: no run-, else the last run",
        *(f"{ANAT}_run-{n}_T1w.nii.gz" for n in (1, 2)),
    ),
    told(
        "three echoes",
        CHOSEN,
        "the echo that fits",
        *(f"{ANAT}_echo-{n}_T2starw.nii.gz" for n in (1, 2, 3)),
        texts={
            f"{ANAT}_echo-{n}_T2starw.json": f'{{"EchoTime": {time}}}' for n, time in ((1, 0.006), (2, 0.02), (3, 0.04))
        },
    ),
    told(
        "three echoes without echo times",
        LEFT_OUT,
        "name it under images: {T2starw: {echo: 1}}",
        *(f"{ANAT}_echo-{n}_T2starw.nii.gz" for n in (1, 2, 3)),
    ),
    told("two acquisitions of unknown kind", LEFT_OUT, "{acq: a}", *(f"{ANAT}_acq-{a}_FLAIR.nii.gz" for a in "ab")),
    told(
        "a sharp and a soft reconstruction",
        CHOSEN,
        "the softer kernel",
        *(CT.replace("_ct", f"_rec-{kernel}_ct") for kernel in ("bone", "soft")),
    ),
    told("anat/ beside ses-*/", LEFT_OUT, "lies in none of them", "sub-01/anat/sub-01_FLAIR.nii.gz"),
    told("images directly under the subject", LEFT_OUT, "lies in none of them", "sub-01/sub-01_T1w.nii.gz"),
    told("suffix T2star", LEFT_OUT, "did you mean _T2starw?", f"{ANAT}_T2star.nii.gz"),
    told("suffix CT", LEFT_OUT, "did you mean _ct?", CT.replace("_ct.", "_CT.")),
    told("suffix T1W", LEFT_OUT, "did you mean _T1w?", f"{ANAT}_T1W.nii.gz"),
    told("suffix flair", LEFT_OUT, "did you mean _FLAIR?", f"{ANAT}_flair.nii.gz"),
    told("suffix UNIT1", LEFT_OUT, "give its denoised form as _T1w", f"{ANAT}_UNIT1.nii.gz"),
    told(
        "a reader's drawing under ses-1 for ses-01",
        LEFT_OUT,
        "did you mean '01'?",
        "derivatives/readers/sub-01/ses-1/vwi/sub-01_ses-1_desc-reader1_dseg.nii.gz",
    ),
    told(
        "a reader's drawing as desc-Reader1",
        LEFT_OUT,
        "did you mean desc-reader1_dseg?",
        "derivatives/readers/sub-01/ses-01/vwi/sub-01_ses-01_desc-Reader1_dseg.nii.gz",
    ),
    told(
        "a reader's drawing beside the images",
        LEFT_OUT,
        "looked for in derivatives/<name>/",
        "sub-01/ses-01/vwi/sub-01_ses-01_desc-reader1_dseg.nii.gz",
    ),
    told("a subject's folder as sub_02", LEFT_OUT, "did you mean sub-02?", "sub_02/anat/sub_02_T1w.nii.gz"),
    bids("a folder whose images all have wrong names", "did you mean _T1w?", "sub-01/anat/sub-01_T1W.nii.gz"),
    bids("session_order that no session has", "no session is called 'pre'", CT, session_order=["pre", "post"]),
    bids("masks_dirs that does not exist", "no such folder", CT, masks_dirs=["derivatives/masks"]),
)


def manifest(name: str, said: str, text: str | bytes) -> Case:
    """A manifest of one's own, refused. The image a.nii.gz exists."""

    def make(folder: Path) -> Answer:
        touch(folder, "a.nii.gz")
        path = folder / "my_manifest.tsv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return refusal(ManifestError, lambda: read_manifest(path, folder))

    return Case(name, REFUSED, said, make)


def config(name: str, said: str, text: str) -> Case:
    """A configuration, as it is read and checked before anything is planned, in a folder with bids/ and study.csv."""

    def make(folder: Path) -> Answer:
        touch(folder, f"bids/{CT}", "study.csv", "part/inner.csv")
        path = folder / "my.yaml"
        path.write_text(text)

        def checked() -> None:
            config = validate(read_config(path), [path])
            check_plan(config, [path])
            check_subjects(config, ["01"], [path])

        with chdir(folder):
            return refusal(ConfigError, checked)

    return Case(name, REFUSED, said, make)


def swapped_visits(folder: Path) -> Answer:
    touch(folder, *(f"sub-01/ses-{n}/anat/sub-01_ses-{n}_T1w.nii.gz" for n in ("01", "02")))
    (folder / "sub-01/sub-01_sessions.tsv").write_text("session_id\tacq_time\nses-01\t2021-05-01\nses-02\t2020-05-01\n")
    first, last = visit_pairs(index_bids(folder).rows)["01"]
    return Answer(TAKEN, f"change is measured from ses-{first} (2020-05-01) to ses-{last} (2021-05-01), by date")


def no_place_to_write(folder: Path) -> Answer:
    return refusal(ManifestError, lambda: write_if_changed(manifest_text([]), Path("/proc/results/manifest.tsv")))


def empty_place(folder: Path) -> Answer:
    return refusal(ManifestError, lambda: index_bids(folder))


def linked_to_parent(folder: Path) -> Answer:
    """A circular chain of folders is not walked: only the levels of BIDS are."""
    touch(folder, CT)
    os.symlink("..", folder / "sub-01/ses-01/again", target_is_directory=True)
    (row,) = index_bids(folder).rows
    return Answer(TAKEN, f"{row.values['ct']} is found once")


HEADER = "subject\tsession\tct\n"
CASES = (
    linked("a link to itself", "leads nowhere or to itself", circular),
    linked("one subject's folder under two names (a link)", "the name says sub-01, the folder sub-02", subject_twice),
    Case("a folder that holds a link to its parent", TAKEN, "is found once", linked_to_parent),
    bids("an image in another subject's folder", "rename the other", "sub-02/ses-01/ct/sub-01_ses-01_ct.nii.gz"),
    bids("an image in another visit's folder", "the name says ses-02", "sub-01/ses-01/ct/sub-01_ses-02_ct.nii.gz"),
    bids("letters outside ASCII in a subject's label", "letters and digits only", "sub-Müller/ses-01/ct/x_ct.nii.gz"),
    bids("HTML in a subject's label", "letters and digits only", "sub-<b>x</b>/ses-01/ct/x_ct.nii.gz"),
    bids(
        "two masks of one kind for one visit",
        "name the folder to use under masks_dirs",
        CT,
        *(f"derivatives/{name}/{CT.replace('_ct', '_desc-arteries_dseg')}" for name in ("a", "b")),
    ),
    bids(
        "an artery mask in template space",
        "give it on one of the session's images",
        CT,
        "derivatives/own/sub-01/ses-01/ct/sub-01_ses-01_space-MNI152_desc-arteries_dseg.nii.gz",
    ),
    bids(
        "a date as day.month.year", "write YYYY-MM-DD", CT, texts={SESSIONS: "session_id\tacq_time\nses-01\t3.2.2020\n"}
    ),
    bids(
        "dates with commas between the columns",
        "save the table tab-separated",
        CT,
        texts={SESSIONS: "session_id,acq_time\n"},
    ),
    bids("a table of dates in UTF-16", "not UTF-8", CT, texts={SESSIONS: "session_id\tacq_time\n".encode("utf-16")}),
    Case("visits whose labels contradict their dates", TAKEN, "from ses-02", swapped_visits),
    Case("a folder without subjects", REFUSED, "holds no sub-", empty_place),
    Case("an output folder that cannot be written", REFUSED, "output_dir that you may write to", no_place_to_write),
    manifest("a path out of the folder in a manifest", "is no image", f"{HEADER}01\t01\t../../../etc/passwd\n"),
    manifest("a path that leads nowhere in a manifest", "correct the path", f"{HEADER}01\t01\tb.nii.gz\n"),
    manifest("a path as a subject's label", "letters and digits only", f"{HEADER}../../x\t01\ta.nii.gz\n"),
    manifest("a subject-session twice in a manifest", "stands in row 2 already", HEADER + "01\t01\ta.nii.gz\n" * 2),
    manifest("an unknown column in a manifest", "did you mean 'FLAIR'", "subject\tsession\tFlair\n"),
    manifest("a column twice in a manifest", "stands twice", "subject\tsession\tct\tct\n"),
    manifest("a cell too many in a manifest", "more cells", f"{HEADER}01\t01\ta.nii.gz\tb.nii.gz\n"),
    manifest("a manifest with commas", "save the table tab-separated", "subject,session,ct\n"),
    manifest("a manifest in Latin-1", "not UTF-8", f"{HEADER}01\t01\tMüller.nii.gz\n".encode("latin-1")),
    *BIDS_CASES,
    config("an unknown key", "did you mean 'bids_dir'", "bids_dri: x\n"),
    config("text for a number", "ct_air_hu_max", "check_images: {ct_air_hu_max: low}\n"),
    config("a BIDS folder and a manifest", "not both", "bids_dir: x\nmanifest: y\n"),
    config("no input at all", "no input: give bids_dir", "output_dir: out\n"),
    config("a BIDS folder that is not there", "bids_dir: bidz: no such folder", "bids_dir: bidz\n"),
    config("an unknown subject", "did you mean '01'?", "bids_dir: bids\nsubjects: ['1']\n"),
    config("a subject's label without quotes", "write it in quotes", "bids_dir: bids\nsubjects: [01]\n"),
    config(
        "a misspelt table",
        "did you mean 'study.csv'?",
        "analyses:\n  mine:\n    kind: severity\n    table: sutdy.csv\n",
    ),
    config(
        "a misspelt table of the images",
        "did you mean 'patients'?",
        "analyses: {a: {kind: severity, table: patiens}}\n",
    ),
    config(
        "an analysis whose name cannot be a file's",
        "letters, digits",
        "analyses: {a b: {kind: severity, table: study.csv}}\n",
    ),
    config("YAML with a tab", "blanks, not tabs", "wmh:\n\tgrade: {}\n"),
    config("YAML with an open bracket", "line 3, column", "bids_dir: bids\nsubjects: ['01'\noutput_dir: out\n"),
    config("YAML without a blank behind the colon", "a blank must follow the colon", "bids_dir:bids\n"),
    config("a key twice", "stands in line 1 already", "bids_dir: bids\nbids_dir: other\n"),
)
