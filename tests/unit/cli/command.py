"""The command line, called as a shell would call it."""

from typer.testing import CliRunner

from angiolith.cli import app
from angiolith.cli.lists import spread


def angiolith(*words):
    """Runs the command; the result has exit_code, stdout and stderr. An exception of the program is raised."""
    done = CliRunner().invoke(app, spread([str(word) for word in words]))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done
