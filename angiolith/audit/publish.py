"""The reviewer's folder of a finished run: what a paper is checked against, and nothing about one person.

Tables of the cohort's analyses, figures, the methods text, settings, versions of software and data, filled STROBE and
CLAIM checklists, and an RO-Crate of the folder. Tables with a row for each person stay behind, columns that name
subjects are left out of the others, and `deidentify-check` has to find nothing.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from rocrate.model import ComputationalWorkflow, ContextEntity, File
from rocrate.rocrate import ROCrate

from angiolith.audit.answers import ANSWERS, Facts
from angiolith.audit.crate import required_software
from angiolith.audit.deidentify import Finding, findings
from angiolith.audit.inventory import INVENTORY, Entry, read_inventory
from angiolith.core.delimited import DelimitedError, read_cells, tsv_line, tsv_lines
from angiolith.core.tables import read_tsv
from angiolith.runtime.records import path_of

CHECKLISTS = Path(__file__).with_name("checklists.yaml")
OF_PERSONS = ("patients", "lesions", "change", "ratings", "marks", "clinical_tables", "burden", "doubtful_values")
FIGURES = (".svg", ".png", ".pdf")
TABLES = (".tsv", ".md", ".docx")
PRIVATE_SETTINGS = ("subjects", "sessions", "report.title")
AUTHOR = "the author must write"
# [characters] Of a subject's label that is looked for in the folder; shorter ones stand in any text. Source: choice.
LABEL_MIN = 4
# [digits] Of such a label that is a number: shorter ones are counts, too. Source: choice.
NUMBER_MIN = 6
WORD = re.compile(r"(?<![\w.])\w+(?!\w|\.\d)")
SUBJECT_COLUMN = re.compile(r"(?<!n_)subjects?$|^subject_")


class PublishError(ValueError):
    """The folder cannot be made; the message says why and what to do."""


def publish(root: Path, folder: Path) -> list[Finding]:
    """Write the reviewer's folder of the run in `root`; what identifies a person in it, and then nothing is left of it.

    Parameters
    ----------
    root : Path
        The output folder.
    folder : Path
        Folder to write; must not exist.

    Returns
    -------
    list[Finding]
        What identifies a person; empty where the folder was written.

    Raises
    ------
    PublishError
        For a run that is not finished, and for a folder that exists.
    """
    if folder.exists():
        raise PublishError(f"{folder} exists; give another name, or delete it")
    try:
        entries = read_inventory(root)
    except (FileNotFoundError, ValueError) as problem:
        raise PublishError(f"{root}: the run is not finished ({problem})") from None
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
        work = Path(temporary) / folder.name
        work.mkdir()
        labels = subject_labels(root)
        write_folder(root, entries, work)
        write_checklists(facts_of(root, entries, work), work)
        write_crate(entries, root, work)
        found = sorted({*findings(work), *_named(work, labels)})
        if not found:
            shutil.move(work, folder)
    return found


def write_folder(root: Path, entries: Sequence[Entry], work: Path) -> None:
    """Everything but checklists and crate.

    Parameters
    ----------
    root : Path
        The output folder.
    entries : Sequence[Entry]
        Rows of the inventory.
    work : Path
        Folder that is being written.
    """
    for path in sorted((root / "cohort").glob("*")):
        if path.suffix in FIGURES:
            _copy(path, work / "figures" / path.name)
        elif path.suffix in TABLES and path.stem not in OF_PERSONS and not path.stem.endswith("_data"):
            (_table if path.suffix == ".tsv" else _copy)(path, work / "tables" / path.name)
    methods = root / "report/methods.html"
    if methods.is_file():
        _write(work / "methods.md", methods_markdown(methods.read_text(encoding="utf-8")))
    if (root / "audit/methods.md").is_file():
        _copy(root / "audit/methods.md", work / "formulas.md")
    for entry in entries:  # of the networks that the run used: how they were fitted and tested
        card = path_of(root, entry.name).parent / "README.md"
        if entry.kind == "input" and entry.name.endswith(".onnx") and card.is_file():
            _copy(card, work / f"models/{card.parent.name}.md")
    _rows(work / "settings.tsv", ("setting", "value"), settings_of(entries))
    kinds = ("version", "runtime", "code")
    software = [(entry.kind, entry.name, entry.value) for entry in entries if entry.kind in kinds]
    _rows(work / "software.tsv", ("kind", "of", "version"), software)
    data = sorted((entry.sha256, entry.size_bytes, _kind(entry.name)) for entry in entries if entry.kind == "input")
    _rows(work / "data.tsv", ("sha256", "size_bytes", "kind"), data)


def _kind(name: str) -> str:
    """What a file is by the end of its name, without the labels of its subject."""
    return name.rsplit("/", 1)[-1].rsplit("_", 1)[-1] if "sub-" in name else "." + name.rsplit(".", 1)[-1]


def settings_of(entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    """Every setting but names of persons and paths of the machine.

    Parameters
    ----------
    entries : Iterable[Entry]
        Rows of the inventory.

    Yields
    ------
    tuple[str, str]
        Dotted key and value.
    """
    for entry in entries:
        if entry.kind != "setting":
            continue
        if entry.name in PRIVATE_SETTINGS or entry.name.startswith("printed_tables."):
            continue
        value = json.loads(entry.value)
        path = isinstance(value, str) and ("/" in value or "\\" in value) and ".formulas." not in entry.name
        yield entry.name, "a path, not shown" if path else entry.value


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    _write(path, "".join(tsv_line(row) for row in (header, *rows)))


def _table(path: Path, to: Path) -> None:
    """A table without the columns that name subjects."""
    header, *rows = tsv_lines(path.read_text(encoding="utf-8"))
    kept = [at for at, name in enumerate(header) if not SUBJECT_COLUMN.search(name)]
    _write(to, "".join(tsv_line(row[at] for at in kept) for row in (header, *rows)))


def methods_markdown(page: str) -> str:
    """The methods section of the report's page as Markdown: headings, paragraphs and references.

    Parameters
    ----------
    page : str
        HTML of the report's page of methods.

    Returns
    -------
    str
        Markdown.
    """
    lines = ["# Methods of this run", ""]
    for tag, text in re.findall(r"<(h2|p|li)>(.*?)</\1>", page, flags=re.DOTALL):
        plain = html.unescape(re.sub(r"<[^>]+>", "", text)).strip()
        lines += {"h2": [f"## {plain}", ""], "p": [plain, ""], "li": [f"- {plain}"]}[tag]
    return "\n".join(lines).rstrip() + "\n"


def subject_labels(root: Path) -> set[str]:
    """The labels of the run's subjects: of the manifest and of the analysed rows.

    Parameters
    ----------
    root : Path
        The output folder.

    Returns
    -------
    set[str]
        Labels that are long enough to be searched for.
    """
    labels: set[str] = set()
    for path in (root / "manifest.tsv", *sorted((root / "cohort").glob("*_data.tsv"))):
        try:
            header, *rows = read_cells(path)
        except (OSError, DelimitedError, ValueError):
            continue
        if "subject" in header:
            labels |= {row[header.index("subject")] for row in rows}
    return {label for label in labels if len(label) >= (NUMBER_MIN if label.isdigit() else LABEL_MIN)}


def _named(work: Path, labels: set[str]) -> Iterator[Finding]:
    """Files of the folder that hold a subject's label as a word."""
    for path in sorted(path for path in work.rglob("*") if path.suffix in (".tsv", ".md", ".json", ".svg")):
        words = set(WORD.findall(path.read_text(encoding="utf-8")))
        for label in sorted(labels & words):
            yield Finding("label", path.relative_to(work).as_posix(), f"names the subject {label}")


def facts_of(root: Path, entries: Sequence[Entry], work: Path) -> Facts:
    """What the answers of the checklists rest on.

    Parameters
    ----------
    root : Path
        The output folder.
    entries : Sequence[Entry]
        Rows of the inventory.
    work : Path
        Folder that is being written.

    Returns
    -------
    Facts
        Inventory, tables and published files.
    """
    tables: dict[str, pd.DataFrame] = {}
    for path in sorted((root / "cohort").glob("*.tsv")):
        if (work / "tables" / path.name).is_file():
            tables[path.stem] = read_tsv(path)
    published = sorted(path.relative_to(work).as_posix() for path in work.rglob("*") if path.is_file())
    return Facts(entries, tables, published)


def filled(checklist: Mapping[str, Any], facts: Facts) -> Iterator[tuple[str, str, str, str, str]]:
    """Rows of a filled checklist: item, topic, who answers, answer, trace; one for each answer.

    An item without an answer of the run is the author's, also where its list says that the run may answer.

    Parameters
    ----------
    checklist : Mapping[str, Any]
        One checklist with its items.
    facts : Facts
        The finished run.

    Yields
    ------
    tuple[str, str, str, str, str]
        Item, topic, who answers, answer and trace.
    """
    for one in checklist["items"]:
        answers = [answer for name in one.get("from", []) for answer in ANSWERS[name](facts)]
        for answer in dict.fromkeys(answers):
            yield one["item"], one["topic"], "run", answer.text, answer.trace
        if "author" in one or not answers:
            rest = one.get("author", "the run holds nothing on it; state this, or what was done elsewhere")
            yield one["item"], one["topic"], "author", AUTHOR + (f": {rest}" if rest else ""), ""


def write_checklists(facts: Facts, work: Path) -> None:
    """STROBE and CLAIM, each as a table and as Markdown.

    Parameters
    ----------
    facts : Facts
        The finished run.
    work : Path
        Folder that is being written.
    """
    lists = yaml.safe_load(CHECKLISTS.read_text(encoding="utf-8"))
    for name, checklist in lists.items():
        rows = list(filled(checklist, facts))
        _rows(work / f"checklists/{name}.tsv", ("item", "topic", "answered_by", "answer", "trace"), rows)
        by_run = len({row[0] for row in rows if row[2] == "run"})
        cells = [" | ".join(cell.replace("|", "/") for cell in row) for row in rows]
        lines = [
            f"# {checklist['title']}",
            "",
            f"{by_run} of {len(checklist['items'])} items have an answer of the run. A trace is a file of this folder, "
            "a setting, or a cell that `angiolith trace OUTPUT_DIR CELL` explains.",
            "",
            "| item | topic | answered by | answer | trace |",
            "|---|---|---|---|---|",
            *(f"| {row} |" for row in cells),
        ]
        _write(work / f"checklists/{name}.md", "\n".join(lines) + "\n")


def write_crate(entries: Sequence[Entry], root: Path, work: Path) -> None:
    """An RO-Crate of the folder: each file with its SHA-256, the workflow with its version, the run's inventory.

    Parameters
    ----------
    entries : Sequence[Entry]
        Rows of the inventory.
    root : Path
        The output folder.
    work : Path
        Folder that is being written.
    """
    crate = ROCrate(version="1.1")
    crate.name = "Reviewer's folder of a run of angiolith"
    crate.description = "Tables, figures, methods, versions and checklists. No row of a person is in it."
    crate.license = "not stated"
    own = next((entry.value for entry in entries if entry.kind == "runtime"), "n/a")
    for path in sorted(path for path in work.rglob("*") if path.is_file()):
        name, content = path.relative_to(work).as_posix(), path.read_bytes()
        facts = {"sha256": hashlib.sha256(content).hexdigest(), "contentSize": str(len(content))}
        crate.add(File(crate, dest_path=name, properties=facts))
    if (root / "audit/Snakefile").is_file():
        _copy(root / "audit/Snakefile", work / "Snakefile")
        workflow = ComputationalWorkflow(crate, dest_path="Snakefile", properties={"name": "angiolith", "version": own})
        workflow["softwareRequirements"] = required_software(crate, entries)
        crate.mainEntity = crate.add(workflow)
    inventory = hashlib.sha256((root / INVENTORY).read_bytes()).hexdigest()
    run = {"@type": "CreativeWork", "name": "inventory of the run", "sha256": inventory}
    crate.root_dataset["isBasedOn"] = crate.add(ContextEntity(crate, f"#inventory-{inventory[:16]}", run))
    graph = crate.metadata.generate()
    for entity in graph["@graph"]:
        if entity["@id"] == "./":
            entity.pop("datePublished", None)  # equal runs give equal bytes
    _write(work / "ro-crate-metadata.json", json.dumps(graph, indent=2, sort_keys=True) + "\n")
