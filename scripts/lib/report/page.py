"""The report's page: content in, one HTML text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from scripts.lib.report.analyses import AnalysisView, Printed
from scripts.lib.report.plots import bar_shares
from scripts.lib.report.sessions import LESION_MEASURES, STAGES, Session, missing_stages, problems, status_counts

TEMPLATES = Path(__file__).parent / "templates"


def render(
    title: str,
    sessions: Sequence[Session],
    cohort: Sequence[tuple[str, str, str, int]],
    analyses: Sequence[AnalysisView],
    agreement: Printed | None,
    changes: Printed | None,
    doubtful: Printed | None,
    audits: Mapping[str, Printed | None],
    agreement_plots: str | None,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
) -> str:
    """The page as HTML text; everything it shows is in it, but for pictures that are linked."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
        title=title,
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "script.js").read_text(encoding="utf-8"),
        sessions=sessions,
        subjects=sorted({session.subject for session in sessions}),
        stages=STAGES,
        lesion_header=[f"{m.label}, {m.unit}" if m.unit else m.label for m in LESION_MEASURES],
        status_counts=status_counts(sessions),
        bar_shares=bar_shares,
        cohort=cohort,
        problems=problems(sessions),
        missing=missing_stages(sessions),
        analyses=analyses,
        agreement=agreement,
        changes=changes,
        doubtful=doubtful,
        audits=audits,
        agreement_plots=agreement_plots,
        settings=yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True),
        versions=versions,
    )
