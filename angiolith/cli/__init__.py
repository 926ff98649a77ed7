"""The command line, `angiolith`."""

import typer

app = typer.Typer(no_args_is_help=True, add_completion=True)


@app.callback()
def main_options() -> None:
    """Intracranial artery calcification, vessel-wall plaque and small-vessel disease, from CT and MRI."""


def main() -> None:
    """Entry point of the console script."""
    app()
