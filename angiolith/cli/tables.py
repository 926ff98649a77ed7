"""`angiolith audit-table`: a printed table checked against itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.exits import told_in_a_line


def audit_table(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.yaml ...", help="Printed tables (config/README.md).")],
) -> None:
    """Recompute what can be recomputed of printed tables, and say which cells agree.

    Example: angiolith audit-table my_table.yaml
    """
    from angiolith.cohort.audit_table import audit, read_printed
    from angiolith.cohort.printed import PrintedError

    with told_in_a_line(PrintedError, OSError):
        for path in files:
            content = read_printed(path)
            table = audit(content)
            print(f"{path}: {content.get('source', '')}\n")
            print(table.to_string(index=False, max_colwidth=100))
            print()
