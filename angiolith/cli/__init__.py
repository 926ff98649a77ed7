"""The command line, `angiolith`. One module per command or small group; each loads what it needs when it is called."""

import sys
from typing import Annotated

import typer

from angiolith.cli.analysis_plan import check_plan, seal_plan
from angiolith.cli.audit import deidentify_check, status, trace, verify, withdraw
from angiolith.cli.check import check
from angiolith.cli.compare import compare
from angiolith.cli.deface import deface
from angiolith.cli.doctor import doctor
from angiolith.cli.export_dicom import export_dicom
from angiolith.cli.import_dicom import import_dicom
from angiolith.cli.lists import spread
from angiolith.cli.new_study import import_redcap, new_study
from angiolith.cli.plan import plan
from angiolith.cli.publish import publish
from angiolith.cli.review import review
from angiolith.cli.run import run
from angiolith.cli.tables import audit_table, pool

RUNNING, RESULTS, KEEPING = "Run", "Look at results", "Keep and share"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, command in (
    (RUNNING, import_dicom),
    (RUNNING, new_study),
    (RUNNING, import_redcap),
    (RUNNING, check),
    (RUNNING, plan),
    (RUNNING, run),
    (RUNNING, status),
    (RUNNING, doctor),
    (RESULTS, trace),
    (RESULTS, review),
    (RESULTS, compare),
    (RESULTS, audit_table),
    (RESULTS, pool),
    (RESULTS, seal_plan),
    (RESULTS, check_plan),
    (KEEPING, verify),
    (KEEPING, withdraw),
    (KEEPING, deface),
    (KEEPING, publish),
    (KEEPING, deidentify_check),
    (KEEPING, export_dicom),
):
    app.command(rich_help_panel=panel)(command)


def _print_version(asked: bool) -> None:
    if asked:
        from angiolith.runtime.version import project_version

        print(project_version())
        raise typer.Exit


@app.callback()
def main_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Intracranial artery calcification, vessel-wall plaque and small-vessel disease, from CT and MRI.

    Exit status: 0 done; 1 a job failed, or something was found; 2 wrong usage or input; 130 stopped by Ctrl-C.
    """


def main() -> None:
    """Entry point of the console script."""
    app(spread(sys.argv[1:]))
