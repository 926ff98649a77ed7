"""A printed table ready to paste: Markdown and DOCX, the same bytes on every run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from angiolith.core.tables import atomic_path

# [date] The first that a zip archive can hold. Source: definition.
NO_DATE = (1980, 1, 1, 0, 0, 0)


def characteristics_notes(table: pd.DataFrame) -> list[str]:
    """What a reader of the table of characteristics must know: from the long table of `describe`."""
    tests = sorted({str(name) for name in table["test"].dropna() if name})
    lines = ["Values are mean (SD), median [quartiles] or n (%), as each row says; percentages are of known values."]
    if tests:
        lines.append(f"Tests, two-sided: {', '.join(tests)}; each row names its own.")
    lines.append("Standardised difference: of more than two groups, the largest of any pair.")
    return lines


def markdown(printed: pd.DataFrame, title: str, notes: Sequence[str] = ()) -> str:
    """A table of texts as Markdown (pipe table), with its title above and its notes below."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    rows = [line(list(printed.columns)), "|" + "---|" * printed.shape[1], *map(line, printed.to_numpy().tolist())]
    return "\n".join([f"**{title}**", "", *rows, "", *(f"{note}  " for note in notes)]).rstrip() + "\n"


def write_docx(printed: pd.DataFrame, title: str, notes: Sequence[str], path: str | Path) -> None:
    """Write a table of texts as a Word file: title, table with rules above, below the header and at the end, notes."""
    from docx import Document
    from docx.enum.section import WD_ORIENT
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement
    from docx.shared import Pt

    document = Document()
    document.styles["Normal"].font.size = Pt(9)
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = section.page_height, section.page_width
    document.add_paragraph().add_run(title).bold = True
    table = document.add_table(rows=0, cols=printed.shape[1])
    for at, cells in enumerate([list(printed.columns), *printed.to_numpy().tolist()]):
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = ""
            cell.paragraphs[0].add_run(str(text)).bold = at == 0
            edges = OxmlElement("w:tcBorders")
            for edge, wanted in (("top", at == 0), ("bottom", at in (0, len(printed)))):
                if wanted:
                    rule = OxmlElement(f"w:{edge}")
                    rule.set(qn("w:val"), "single")
                    edges.append(rule)
            cell._tc.get_or_add_tcPr().append(edges)
    for note in notes:
        document.add_paragraph(note)
    made = io.BytesIO()
    document.save(made)
    with atomic_path(path) as temporary:
        _without_dates(made, temporary)


def _without_dates(archive: io.BytesIO, path: Path) -> None:
    """Copy a zip archive with every member's time set to `NO_DATE`."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            member = zipfile.ZipInfo(name, NO_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(member, source.read(name))
