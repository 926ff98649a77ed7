"""The report's pages: content in, HTML text out. What all pages share stands in `Pages`, once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from angiolith.report.exports import Export
from angiolith.report.plots import bar_segments
from angiolith.report.sessions import LESION_MEASURES, LOGS, PER_ARTERY, STAGES, advice, mark_artery, unit_of

FOLDER = Path(__file__).parent
COLUMNS_PORTRAIT = 11  # a table of more columns is printed on landscape pages


def script_json(value: Any) -> Markup:
    """JSON for a script element: no `<` can end it.

    Parameters
    ----------
    value : Any
        Plain values.

    Returns
    -------
    Markup
        The JSON text.
    """
    return Markup(json.dumps(value, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c"))


def page_templates(folder: Path) -> jinja2.Environment:
    """The HTML templates of a folder: every text is escaped, and a name that is not given is an error.

    Parameters
    ----------
    folder : Path
        Folder of the templates.

    Returns
    -------
    jinja2.Environment
        Jinja's environment.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


class Pages:
    """Renders the pages of one report; output_dir: the run's, as `angiolith trace` takes it; notice: a line at the
    head of every page."""

    def __init__(
        self, title: str, texts: Mapping[str, Any], has_sessions: bool, output_dir: str, notice: str | None = None
    ) -> None:
        environment = page_templates(FOLDER / "templates")
        environment.filters["script_json"] = script_json
        environment.globals.update(
            t=texts,
            title=title,
            stages=STAGES,
            mark_artery=mark_artery,
            logs=LOGS,
            bar_segments=bar_segments,
            columns_portrait=COLUMNS_PORTRAIT,
            advice=lambda stage: advice(stage, texts["errors"]),
            lesion_header=_header(texts, [(m.column, m.unit) for m in LESION_MEASURES]),
            artery_header=_header(texts, [(name, unit_of(name)) for name in PER_ARTERY]),
            lesion_columns=[measure.column for measure in LESION_MEASURES],
            artery_columns=PER_ARTERY,
            has_sessions=has_sessions,
            output_dir=output_dir,
            notice=notice,
        )
        self.environment, self.texts = environment, texts

    def render(self, page: str, exports: Mapping[str, Export] | None = None, **content: Any) -> str:
        """The HTML of the template `<page>.html.j2`; exports: what its tables hand over, by their names.

        Parameters
        ----------
        page : str
            Name of the template.
        exports : Mapping[str, Export] | None
            Name of a table -> its export.
        **content : Any
            What the template is given.

        Returns
        -------
        str
            The HTML.
        """
        plain = {name: export.plain for name, export in (exports or {}).items()}
        return self.environment.get_template(f"{page}.html.j2").render(page=page, exports=plain, **content)


def _header(texts: Mapping[str, Any], columns: Sequence[tuple[str, str]]) -> list[str]:
    labels = [(texts["measures"][column], unit) for column, unit in columns]
    return [f"{label}, {unit}" if unit else label for label, unit in labels]
