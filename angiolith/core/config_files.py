"""Make what is derived from the sources: config.yaml, the JSON schema, the key reference, the table of chosen numbers.

python -m angiolith.core.config_files          writes them
python -m angiolith.core.config_files --check  exits 1 and names the files that differ
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from angiolith.core import constants_reference
from angiolith.core.config import Config
from angiolith.runtime.paths import workflow_root

FOLDER = workflow_root() / "config"
CONSTANTS = workflow_root() / "docs/reference/constants.md"
README_MARK = "<!-- made from the model: do not edit below -->"


def default_yaml() -> str:
    """The default configuration with each key's meaning as a comment."""
    head = "# Every key with its default. Put your own values in a file of your own (README.md), not here.\n"
    return head + "# yaml-language-server: $schema=schema.json\n" + "\n".join(_yaml_lines(Config, 0)) + "\n"


def _yaml_lines(section: type[BaseModel], depth: int) -> list[str]:
    lines = []
    pad = "  " * depth
    for name, field in section.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            inner = _yaml_lines(nested, depth + 1)
            lines += [
                "",
                f"{pad}# {_first_paragraph(nested.__doc__)}",
                f"{pad}{name}:" + ("" if inner else " {}"),
                *inner,
            ]
            continue
        value = yaml.safe_dump(_plain_default(field), sort_keys=False, width=1000, default_flow_style=True)
        lines.append(f"{pad}# {_first_paragraph(field.description)}")
        lines.append(f"{pad}{name}: {value.removesuffix('...' + chr(10)).rstrip()}")
    return lines


def _plain_default(field: FieldInfo) -> Any:
    value = field.get_default(call_default_factory=True)
    return json.loads(json.dumps(value, default=lambda item: item.model_dump(mode="json")))


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())


def key_reference() -> str:
    """A Markdown table of keys for every section, those of a list's or mapping's items included."""
    parts = [_table(Config, "Top level")]
    queue = [(name, field.annotation) for name, field in Config.model_fields.items()]
    seen: set[type] = set()
    while queue:
        name, annotation = queue.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation in seen:
                continue
            seen.add(annotation)
            parts.append(_table(annotation, f"`{name}`", annotation.__doc__))
            queue += [(f"{name}.{key}", field.annotation) for key, field in annotation.model_fields.items()]
        else:
            queue += [(f"{name}.*", argument) for argument in getattr(annotation, "__args__", ())]
    return "\n".join(parts)


def _table(section: type[BaseModel], title: str, doc: str | None = None) -> str:
    rows = [f"### {title}", ""]
    if doc:
        rows += [_first_paragraph(doc), ""]
    rows += ["| key | default | meaning |", "|---|---|---|"]
    for name, field in section.model_fields.items():
        nested = field.annotation
        is_section = isinstance(nested, type) and issubclass(nested, BaseModel)
        default = (
            "section" if is_section else "required" if field.is_required() else f"`{json.dumps(_plain_default(field))}`"
        )
        meaning = _first_paragraph(nested.__doc__ if is_section else field.description)
        rows.append(f"| `{name}` | {default} | {meaning} |".replace("||", "\\|\\|"))
    return "\n".join([*rows, ""])


def made_files() -> dict[Path, str]:
    """Path -> content of every file made from the model."""
    schema = json.dumps(Config.model_json_schema(), indent=2, sort_keys=True) + "\n"
    readme = FOLDER / "README.md"
    head = readme.read_text(encoding="utf-8").split(README_MARK)[0] if readme.exists() else ""
    made = {
        FOLDER / "config.yaml": default_yaml(),
        FOLDER / "schema.json": schema,
        readme: head + README_MARK + "\n\n" + key_reference(),
    }
    if CONSTANTS.parent.is_dir():  # an installation has no docs
        made[CONSTANTS] = constants_reference.page()
    return made


def main(arguments: list[str]) -> int:
    """Write the files that are made from the sources, or with `--check` name those that differ.

    Parameters
    ----------
    arguments : list[str]
        Arguments of the command line.

    Returns
    -------
    int
        Exit status: 1 where `--check` found a stale file.
    """
    stale = [
        path for path, text in made_files().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(FOLDER.parent)} differs from the sources: run make config")
        return 1 if stale else 0
    for path, text in made_files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
