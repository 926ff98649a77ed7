"""`angiolith seal-plan` and `check-plan`: the analyses as they were planned, and every later deviation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from angiolith.cli.exits import Exit, UsageProblem, errors_on_one_line
from angiolith.core.wording import count_of

Configuration = Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="Configuration with the analyses.")]


def seal_plan(
    config: Configuration,
    plan: Annotated[Path, typer.Argument(metavar="PLAN.json", help="Where the plan is written; it must not exist.")],
) -> None:
    """Seal the analyses of a configuration as the analysis plan, with its date, before outcomes are read.

    Example: angiolith seal-plan study.yaml plan.json
    """
    from datetime import UTC, datetime

    from angiolith.cohort.analysis_plan import sealed_plan
    from angiolith.core.tables import write_json

    with errors_on_one_line():
        if plan.exists():
            raise UsageProblem(f"{plan} exists; a plan that was sealed is not written over")
        made = sealed_plan(_analyses(config), datetime.now(UTC).isoformat(timespec="seconds"))
        write_json(made, plan)
        print(
            f"{count_of(len(made['analyses']), 'analysis', 'analyses')} sealed on {made['sealed']}: {plan}, "
            f"SHA-256 {made['sha256']}"
        )


def check_plan(
    config: Configuration,
    plan: Annotated[Path, typer.Argument(metavar="PLAN.json", help="The plan that was sealed.")],
) -> None:
    """List every deviation of a configuration's analyses from the sealed plan; exit status 1 where there is one.

    Example: angiolith check-plan study.yaml plan.json
    """
    import json

    from angiolith.cohort.analysis_plan import PlanError, deviations

    with errors_on_one_line(OSError, json.JSONDecodeError):
        content = json.loads(plan.read_text(encoding="utf-8"))
        try:
            found = deviations(content, _analyses(config))
        except PlanError as problem:
            raise UsageProblem(f"{plan}: {problem}") from None
    print(f"{plan}: sealed on {content['sealed']}, {len(found)} deviation(s)")
    for key, planned, now in found:
        print(f"{key}: planned {planned}, now {now}")
    if found:
        raise typer.Exit(Exit.FOUND)


def _analyses(path: Path) -> dict[str, Any]:
    """The analyses of a configuration, checked, with every default; UsageProblem where it cannot be used."""
    from angiolith.core.config import plain, validate
    from angiolith.core.config.sources import ConfigError, read_config

    try:
        settings = validate(read_config(path), [path])
    except ConfigError as problem:
        raise UsageProblem(str(problem)) from None
    return {name: plain(analysis) for name, analysis in settings.analyses.items()}
