"""A printed table ready for a paper: Markdown, DOCX, LaTeX and HTML of one source, the same bytes on every run."""

from __future__ import annotations

import html
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from angiolith.cohort.layout import DOUBT_MARK, PRIMARY_MARK
from angiolith.cohort.printed_cells import sources_of, texts_of
from angiolith.core.cells import row_addresses
from angiolith.core.tables import atomic_path, read_tsv, write_tsv

SOURCES_ENDING = "_sources.tsv"
TEX = str.maketrans(
    {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
     "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "<": r"\textless{}", ">": r"\textgreater{}", "–": "--",
     "†": r"\dag{}"}
)  # fmt: skip
# [date] The first that a zip archive can hold. Source: definition.
NO_DATE = (1980, 1, 1, 0, 0, 0)


def characteristics_notes(table: pd.DataFrame) -> list[str]:
    """What a reader of the table of characteristics must know: from the long table of `describe`.

    Parameters
    ----------
    table : pd.DataFrame
        Long table of `describe`.

    Returns
    -------
    list[str]
        Sentences.
    """
    tests = sorted({str(name) for name in table["test"].dropna() if name})
    lines = ["Values are mean (SD), median [quartiles] or n (%), as each row says; percentages are of known values."]
    if tests:
        lines.append(f"Tests, two-sided: {', '.join(tests)}; each row names its own.")
    lines.append("Standardised difference: of more than two groups, the largest of any pair.")
    if "does_not_apply" in table and table["does_not_apply"].any():
        lines.append("Does not apply: rows that cannot have a value (density without calcium); they are not missing.")
    if "doubtful" in table and table["doubtful"].any():
        lines.append(f"{DOUBT_MARK} holds values that are hard to believe; cohort/doubtful_values.tsv names them.")
    return lines


def models_notes(table: pd.DataFrame, primary: str | None) -> list[str]:
    """What a reader of the models side by side must know: from the table of `associations`.

    Parameters
    ----------
    table : pd.DataFrame
        Table of `associations`.
    primary : str | None
        Name of the primary model, or None.

    Returns
    -------
    list[str]
        Sentences.
    """
    logistic = "odds_ratio" in table and table["odds_ratio"].notna().any()
    lines = [f"Values are {'odds ratios' if logistic else 'estimates'} (95 % interval)."]
    adjusted = table.drop_duplicates("model").set_index("model")["adjusted_for"].dropna()
    lines += [f"{model}: adjusted for {names}." for model, names in adjusted.items() if names]
    lines.append(f"Methods: {'; '.join(sorted(set(table['method'].dropna()) - {''}))}.")
    return lines + ([f"{PRIMARY_MARK} primary model; all others are secondary."] if primary else [])


def write_printed(cells: pd.DataFrame, title: str, notes: Sequence[str], paths: Sequence[str | Path]) -> None:
    """Write one printed table as every file of `paths`.

    Parameters
    ----------
    cells : DataFrame
        Of PrintedCell.
    title : str
        Above the table.
    notes : sequence of str
        Below it.
    paths : sequence of str or Path
        The ending says what: _sources.tsv (where each number is from), .tsv, .md, .docx, .tex, .html.
    """
    printed = texts_of(cells)
    for path in map(Path, paths):
        if path.name.endswith(SOURCES_ENDING):
            write_tsv(sources_of(cells), path)
        elif path.suffix == ".tsv":
            write_tsv(printed, path)
        elif path.suffix == ".docx":
            write_docx(printed, title, notes, path)
        else:
            with atomic_path(path) as temporary:
                temporary.write_text(TEXTS[path.suffix](printed, title, notes), encoding="utf-8")


def with_addresses(table: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """A table of statistics whose index are the addresses that `angiolith trace` takes for its rows.

    Parameters
    ----------
    table : DataFrame
        As it was written.
    path : str or Path
        Its file, in a folder of the output folder.

    Returns
    -------
    DataFrame
        The same rows.
    """
    name = f"{Path(path).parent.name}/{Path(path).name}"
    return table.set_axis(row_addresses(name, read_tsv(path, dtype=str)), axis="index")


def latex(printed: pd.DataFrame, title: str, notes: Sequence[str] = ()) -> str:
    """A table of texts as LaTeX (booktabs), with its title as caption and its notes below.

    Parameters
    ----------
    printed : pd.DataFrame
        Table of texts.
    title : str
        Title of the table.
    notes : Sequence[str]
        Notes below the table.

    Returns
    -------
    str
        LaTeX.
    """

    def line(cells: Sequence[str]) -> str:
        return " & ".join(str(cell).translate(TEX) for cell in cells) + r" \\"

    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{title.translate(TEX)}}}",
            rf"\begin{{tabular}}{{{'l' * printed.shape[1]}}}",
            r"\toprule",
            line(list(printed.columns)),
            r"\midrule",
            *map(line, printed.to_numpy().tolist()),
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par {note.translate(TEX)}" for note in notes),
            r"\end{table}",
            "",
        ]
    )


def html_table(printed: pd.DataFrame, title: str, notes: Sequence[str] = ()) -> str:
    """A table of texts as a page of HTML without script or outside file.

    Parameters
    ----------
    printed : pd.DataFrame
        Table of texts.
    title : str
        Title of the table.
    notes : Sequence[str]
        Notes below the table.

    Returns
    -------
    str
        HTML.
    """

    def line(cells: Sequence[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(str(cell))}</{kind}>" for cell in cells) + "</tr>"

    return "\n".join(
        [
            '<!DOCTYPE html><html lang="en">',
            f'<head><meta charset="utf-8"><title>{html.escape(title)}</title></head><body>',
            f"<table><caption>{html.escape(title)}</caption>",
            f"<thead>{line(list(printed.columns), 'th')}</thead><tbody>",
            *(line(row, "td") for row in printed.to_numpy().tolist()),
            "</tbody></table>",
            *(f"<p>{html.escape(note)}</p>" for note in notes),
            "</body></html>",
            "",
        ]
    )


def markdown(printed: pd.DataFrame, title: str, notes: Sequence[str] = ()) -> str:
    """A table of texts as Markdown (pipe table), with its title above and its notes below.

    Parameters
    ----------
    printed : pd.DataFrame
        Table of texts.
    title : str
        Title of the table.
    notes : Sequence[str]
        Notes below the table.

    Returns
    -------
    str
        Markdown.
    """

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    rows = [line(list(printed.columns)), "|" + "---|" * printed.shape[1], *map(line, printed.to_numpy().tolist())]
    return "\n".join([f"**{title}**", "", *rows, "", *(f"{note}  " for note in notes)]).rstrip() + "\n"


def write_docx(printed: pd.DataFrame, title: str, notes: Sequence[str], path: str | Path) -> None:
    """Write a table of texts as a Word file: title, table with rules above, below the header and at the end, notes.

    Parameters
    ----------
    printed : pd.DataFrame
        Table of texts.
    title : str
        Title of the table.
    notes : Sequence[str]
        Notes below the table.
    path : str | Path
        Path of the file to write.
    """
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


TEXTS: dict[str, Callable[[pd.DataFrame, str, Sequence[str]], str]] = {
    ".md": markdown,
    ".tex": latex,
    ".html": html_table,
}
