"""Makes docs/reference/command_line.md from the commands themselves.

python -m angiolith.cli.reference
"""

from __future__ import annotations

from typing import Any

import typer.main
from typer.core import TyperGroup

from angiolith.cli import app
from angiolith.cli.exits import MEANINGS
from angiolith.runtime.paths import workflow_root

Parameter = Any  # of click, which typer ships as a private part

PAGE = workflow_root() / "docs/reference/command_line.md"
HEAD = """# The command line

Made from the commands by `make config`; do not edit.

`angiolith run` starts plain Snakemake and prints the very line that it runs. That line, run again in the same folder,
gives the same bytes; without its `--logger` options Snakemake shows its own lines. What the command line says stands in
`OUTPUT_DIR/logs/run_config.yaml`, which the line names. Relative paths in configuration files begin at the working
folder.

Shell completion: `angiolith --install-completion`, then open a new shell.
"""


def reference() -> str:
    """The page."""
    lines = [HEAD, "## Exit status", "", "| status | meaning |", "|---|---|"]
    lines += [f"| {status.value} | {meaning} |" for status, meaning in MEANINGS.items()]
    group = typer.main.get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError("the command line has one command only")
    for name, command in group.commands.items():
        rows = [(_words(param), getattr(param, "help", None) or "", param) for param in command.params]
        arguments = [words for words, _, param in rows if param.param_type_name == "argument"]
        lines += ["", f"## angiolith {name}", "", f"`angiolith {' '.join([name, *arguments])} [options]`", ""]
        lines += [*_paragraphs(command.help or ""), "", "| argument | meaning |", "|---|---|"]
        lines += [f"| `{words.replace('|', chr(92) + '|')}` | {meaning} |" for words, meaning, _ in rows]
    return "\n".join(lines) + "\n"


def _words(param: Parameter) -> str:
    """An argument or option as it is written."""
    if param.param_type_name == "argument":
        return param.metavar or param.name or ""
    value = "" if getattr(param, "is_flag", False) else f" {param.metavar or 'VALUE'}"
    return f"{', '.join(param.opts)}{value}"


def _paragraphs(text: str) -> list[str]:
    """A command's help, its examples as code."""
    found = []
    for paragraph in text.split("\n\n"):
        words = " ".join(paragraph.split())
        example = words.removeprefix("Example: ")
        found += [f"    {example}" if example != words else words, ""]
    return found[:-1]


def main() -> None:
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
