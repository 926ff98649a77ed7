"""Write docs/dicom_import.md: what the importer makes of real odd series, each right or refused with its fault's name.

python -m validation.dicom_import --out docs/dicom_import.md
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from angiolith.dicom.classify import fault_of
from angiolith.dicom.convert import ConversionProblem, convert, syntax_of
from angiolith.dicom.headers import read_headers
from angiolith.dicom.series import Volume, volumes_of

FOLDERS = ("ct_head_tilted_dicom", "odd_dicom")
HEAD = """# What the importer makes of odd series

Written by `make validate-dicom` from the real images, which are not part of the project: `odd_dicom` (test data of
dicom2nifti, MIT, and dcmqi) and `ct_head_tilted_dicom` (dcm_qa_ct, BSD-2). Each series is checked and converted as
`angiolith import-dicom` does, whatever its region and number of slices. By those alone it would leave most of them:
they are cut down to a few slices.

`right`: the image has the values of the DICOM files at their places in the patient, read by GDCM. Correlation of
the pixels on a lattice in up to nine slices; where uneven steps were interpolated, after that.
`refused`: no image is made, and the importer says the fault.

| series | files | slices | transfer syntax | outcome | correlation | fault, or what was done |
|---|---|---|---|---|---|---|
"""


def outcome(volume: Volume) -> tuple[str, str, str]:
    """`right` or `refused`, the correlation, and the words."""
    fault = fault_of(volume)
    if fault:
        return "refused", "", fault
    try:
        made = convert(volume, None)
    except ConversionProblem as problem:
        return "refused", "", str(problem)
    several = (
        f"{volume.n_parts} orientations or kinds in the series, each an image of its own" if volume.n_parts > 1 else ""
    )
    return "right", f"{made.match.correlation:.5f}", "; ".join(part for part in (several, made.note) if part)


def rows(real: Path) -> Iterator[str]:
    """The table's lines: a folder's own series, in the order of the folders."""
    for base in sorted({base for name in FOLDERS for base, _, files in os.walk(real / name) if files}):
        headers = [header for header in read_headers(Path(base))[0] if os.path.dirname(header.path) == base]
        for volume in volumes_of(headers):
            name = os.path.relpath(base, real).replace("dicom2nifti/tests/data/", "").replace("dcmqi/data/", "")
            what, correlation, words = outcome(volume)
            slices = str(volume.geometry.n_places) if volume.is_image else ""
            syntax = syntax_of(volume)
            yield f"| {name} | {volume.n_files} | {slices} | {syntax} | {what} | {correlation} | {words} |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/dicom_import.md"))
    parser.add_argument("--real", type=Path, default=Path(os.environ.get("ANGIOLITH_REAL_DATA", "../shared/real")))
    given = parser.parse_args()
    given.out.write_text(HEAD + "".join(rows(given.real)), encoding="utf-8")


if __name__ == "__main__":
    main()
