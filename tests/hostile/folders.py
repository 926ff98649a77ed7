"""The images' folder, a manifest, the configuration: what is said while the workflow is planned."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from angiolith.core.config import ConfigError, validate
from angiolith.core.manifest import (
    ManifestError,
    index_bids,
    manifest_text,
    read_manifest,
    visit_pairs,
    write_if_changed,
)
from tests.hostile.case import REFUSED, TAKEN, Answer, Case, refusal

CT = "sub-01/ses-01/ct/sub-01_ses-01_ct.nii.gz"


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def bids(name: str, said: str, *files: str, texts: dict[str, str | bytes] | None = None) -> Case:
    """A BIDS folder with these files, refused."""

    def make(folder: Path) -> Answer:
        touch(folder, *files)
        for path, text in (texts or {}).items():
            (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        return refusal(ManifestError, lambda: index_bids(folder))

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


def manifest(name: str, said: str, text: str | bytes) -> Case:
    """A manifest of one's own, refused. The image a.nii.gz exists."""

    def make(folder: Path) -> Answer:
        touch(folder, "a.nii.gz")
        path = folder / "my_manifest.tsv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return refusal(ManifestError, lambda: read_manifest(path, folder))

    return Case(name, REFUSED, said, make)


def config(name: str, said: str, text: str) -> Case:
    def make(folder: Path) -> Answer:
        import yaml

        path = folder / "my.yaml"
        path.write_text(text)
        return refusal(ConfigError, lambda: validate(yaml.safe_load(text), [path]))

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


SESSIONS = "sub-01/sub-01_sessions.tsv"
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
    manifest("a path that leads nowhere in a manifest", "mend the path", f"{HEADER}01\t01\tb.nii.gz\n"),
    manifest("a path as a subject's label", "letters and digits only", f"{HEADER}../../x\t01\ta.nii.gz\n"),
    manifest("a subject-session twice in a manifest", "stands in row 2 already", HEADER + "01\t01\ta.nii.gz\n" * 2),
    manifest("an unknown column in a manifest", "did you mean 'FLAIR'", "subject\tsession\tFlair\n"),
    manifest("a column twice in a manifest", "stands twice", "subject\tsession\tct\tct\n"),
    manifest("a cell too many in a manifest", "more cells", f"{HEADER}01\t01\ta.nii.gz\tb.nii.gz\n"),
    manifest("a manifest with commas", "save the table tab-separated", "subject,session,ct\n"),
    manifest("a manifest in Latin-1", "not UTF-8", f"{HEADER}01\t01\tMüller.nii.gz\n".encode("latin-1")),
    config("an unknown key", "did you mean 'bids_dir'", "bids_dri: x\n"),
    config("text for a number", "ct_air_hu_max", "check_images: {ct_air_hu_max: low}\n"),
    config("a BIDS folder and a manifest", "not both", "bids_dir: x\nmanifest: y\n"),
)
