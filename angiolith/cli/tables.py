"""`angiolith audit-table`: a printed table checked against itself; `angiolith pool`: bundles of several sites."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.exits import errors_on_one_line
from angiolith.core.wording import count_of


def audit_table(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.yaml ...", help="Printed tables (config/README.md).")],
) -> None:
    """Recompute what can be recomputed of printed tables, and state which cells agree.

    Example: angiolith audit-table my_table.yaml
    """
    from angiolith.cohort.audit_table import audit, read_printed
    from angiolith.cohort.printed import PrintedError

    with errors_on_one_line(PrintedError, OSError):
        for path in files:
            content = read_printed(path)
            table = audit(content)
            print(f"{path}: {content.get('source', '')}\n")
            print(table.to_string(index=False, max_colwidth=100))
            print()


def pool(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE.json ...", help="One bundle of each site.")],
    table: Annotated[Path, typer.Option("--table", help="Where the pooled table is written.")] = Path("pooled.tsv"),
) -> None:
    """Pool the bundles that sites exported (`federation` in the configuration): no rows, sums and estimates alone.

    Example: angiolith pool north_bundle.json south_bundle.json --table pooled.tsv
    """
    import json

    from angiolith.cohort.federation import BundleError, check_bundles, pooled_table
    from angiolith.core.tables import write_tsv

    with errors_on_one_line(BundleError, OSError, json.JSONDecodeError):
        read = {str(path): json.loads(path.read_text(encoding="utf-8")) for path in bundles}
        check_bundles(read)
        write_tsv(pooled_table(list(read.values())), table)
        print(f"{count_of(len(read), 'site')} pooled: {table}")
