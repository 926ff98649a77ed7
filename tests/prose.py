"""Lint of what a user reads: sentence lengths and house words, page by page.

`python -m tests.prose` checks every page of the documentation, written by hand or by a command (such as the commands'
help), the report's texts, and the docstrings and messages of each room of the package (`prose_sources`). What has a row
in `prose_limits.tsv` may not get worse than its row. All else meets the goals below. `--tighten` lowers the rows to
what is reached and drops those that meet the goals. It never raises a limit. `--table` prints the figures.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.prose_sources import Source, sources

LIMITS = Path(__file__).with_name("prose_limits.tsv")
COLUMNS = ("page", "mean_words", "longest_words", "house_words")

GOAL_MEAN = 18.0  # [words] Mean sentence length of a page. Source: the project's rule for prose.
GOAL_LONGEST = 40  # [words] Longest sentence of a page. Source: the project's rule for prose.

# what the field does not say, and the standard word
HOUSE_WORDS: dict[str, str] = {
    r"\bchosen on\b": "held-out (data that no setting was tuned on), or: tuned on",
    r"\b(?:made|drawn|made-up) (?:heads?|tubes?|subjects?|brains?|MRI|plaques?|pairs?)\b": "digital phantom, simulated",
    r"\bmade-up\b": "simulated",
    r"\balong the (?:same )?way\b|\bways? (?:to|from) (?:the )?(?:template|MNI152|MRI|CT|T1w|FLAIR)\b": "transform",
    r"\bways between\b|\bthe way between\b|\bby the way from\b|\btaken the way of\b": "transform, path, as in",
    r"\bholds? .{1,30} against\b|\bheld against\b": "compare with",
    r"\bmend(?:s|ed|ing)?\b": "correct",
    r"\bgoes before\b|\bsnakemake's (?:own )?books\b": "takes precedence over, metadata",
    r"\b(?:a|the|its|their|what|which|small|large|larger|largest|same|that|this|by) share\b|\bshares? of\b": "fraction",
    r"\b(?:told|said)\b|\bsays? so\b": "reported, stated, flagged",
    r"\bwants? a look\b": "needs review",
    r"\bminded\b": "ignored, not used",
    r"\bheights?\b|\bbrightness\b": "peak, intensity (of a signal), level (of a position)",
    r"\b(?:is|are|was|were|gets?) answered\b|\bsent away\b": "refused with an error",
}

CODE = "§"  # stands for inline code and formulas: one word
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*]*\s+(?=[\"'(*\[]*[A-Z0-9§])")
NO_END = re.compile(r"(?:\b(?:e\.g|i\.e|vs|al|cf|Fig|No|approx|Dr|St)|\b[A-Z])\.$")
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")


@dataclass(frozen=True)
class Figures:
    """What the linter measures on one page."""

    sentences: tuple[str, ...]
    house_words: tuple[tuple[str, str], ...] = field(default=())  # (as written, the standard word)

    @property
    def mean_words(self) -> float:
        """Mean words per sentence, rounded up to a tenth; 0 without sentences."""
        lengths = [count_words(sentence) for sentence in self.sentences]
        return math.ceil(10 * sum(lengths) / len(lengths) - 1e-9) / 10 if lengths else 0.0

    @property
    def longest(self) -> str:
        return max(self.sentences, key=count_words, default="")


def count_words(sentence: str) -> int:
    """Words of a sentence: runs without blanks that hold a letter, a digit or inline code."""
    return sum(bool(re.search(rf"[^\W_]|{CODE}", word)) for word in sentence.split())


def paragraphs(markdown: str) -> list[str]:
    """Running text of a page: paragraphs and list items, without code, tables, headings, pictures and addresses."""
    text = re.sub(r"^(\s*)(```|~~~).*?^\s*\2\s*$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->|<[^>\n]+>", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(`+)[^`]+\1", CODE, text)
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith(("#", "|", ">")) or set(line.strip()) <= set("-=* "):
            found.append([])
        elif LIST_ITEM.match(line):
            found.append([LIST_ITEM.sub("", line)])
        else:
            found[-1].append(line)
    return [" ".join(" ".join(lines).split()) for lines in found if lines]


def sentences(paragraph: str) -> list[str]:
    """The paragraph's sentences. A semicolon or a colon ends none."""
    parts: list[str] = []
    for piece in SENTENCE_END.split(paragraph):
        if parts and NO_END.search(parts[-1]):
            parts[-1] += " " + piece
        else:
            parts.append(piece)
    return [part for part in parts if count_words(part)]


def house_words(text: str) -> list[tuple[str, str]]:
    """House words of a text as they are written, each with the standard word."""
    return [
        (hit.group(), standard)
        for pattern, standard in HOUSE_WORDS.items()
        for hit in re.finditer(pattern, text, flags=re.IGNORECASE)
    ]


def measure(markdown: str) -> Figures:
    """Sentences and house words of a page.

    Parameters
    ----------
    markdown : str
        The page's text.

    Returns
    -------
    Figures
        House words are looked for in running text and in tables, never in code.
    """
    running = paragraphs(markdown)
    cells = [re.sub(r"(`+)[^`]+\1", CODE, line) for line in markdown.splitlines() if line.lstrip().startswith("|")]
    house = [word for text in running + cells for word in house_words(text)]
    return Figures(tuple(s for text in running for s in sentences(text)), tuple(house))


def measure_source(source: Source) -> Figures:
    """Figures of texts that are judged together."""
    pages = [measure(text) for text in source.markdown]
    words = [word for text in source.strings for word in house_words(text)]
    return Figures(
        tuple(sentence for page in pages for sentence in page.sentences),
        (*(word for page in pages for word in page.house_words), *words),
    )


def read_limits(file: Path = LIMITS) -> dict[str, tuple[float, int, int]]:
    """Rows of the table: page -> (mean words, longest sentence in words, number of house words)."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return {
            row["page"]: (float(row["mean_words"]), int(row["longest_words"]), int(row["house_words"])) for row in rows
        }


def complaints(page: str, figures: Figures, limit: tuple[float, int, int]) -> list[str]:
    """What breaks the page's limits, each with the remedy."""
    mean, longest, house = limit
    found = []
    if figures.mean_words > mean:
        found.append(f"{page}: {figures.mean_words} words per sentence, {mean} allowed: split sentences")
    if count_words(figures.longest) > longest:
        words = count_words(figures.longest)
        found.append(f"{page}: a sentence of {words} words, {longest} allowed: split {figures.longest[:70]!r} ...")
    if len(figures.house_words) > house:
        listed = "; ".join(f"{word!r} -> {standard}" for word, standard in figures.house_words)
        found.append(f"{page}: {len(figures.house_words)} house words, {house} allowed: {listed}")
    return found


def reached(figures: Figures, limit: tuple[float, int, int]) -> tuple[float, int, int]:
    """The limit lowered to what the page reaches, never under the goals and never raised."""
    return (
        min(limit[0], max(figures.mean_words, GOAL_MEAN)),
        min(limit[1], max(count_words(figures.longest), GOAL_LONGEST)),
        min(limit[2], len(figures.house_words)),
    )


def main(arguments: list[str] | None = None) -> int:
    """Check all sources; the exit status is 1 where one breaks its limits."""
    parser = argparse.ArgumentParser(prog="python -m tests.prose", description="Lint of what a user reads.")
    parser.add_argument("--tighten", action="store_true", help="lower the limits to what the pages reach")
    parser.add_argument("--table", action="store_true", help="print each page's figures")
    options = parser.parse_args(arguments)
    goal = (GOAL_MEAN, GOAL_LONGEST, 0)
    limits = read_limits()
    pages = {name: measure_source(source) for name, source in sources().items()}
    if options.table:
        print("\t".join(("page", "sentences", *COLUMNS[1:])))
        for page, figures in pages.items():
            print(page, len(figures.sentences), figures.mean_words, count_words(figures.longest),
                  len(figures.house_words), sep="\t")  # fmt: skip
        return 0
    found = [f"{page}: has limits but is no page: drop its row" for page in limits if page not in pages]
    for page, figures in pages.items():
        found += complaints(page, figures, limits.get(page, goal))
    if options.tighten:
        rows = {page: reached(pages[page], limit) for page, limit in limits.items() if page in pages}
        lines = ["\t".join(COLUMNS)]
        lines += ["\t".join(map(str, (page, *row))) for page, row in sorted(rows.items()) if row != goal]
        LIMITS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
