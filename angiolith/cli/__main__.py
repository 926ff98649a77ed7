"""`python -m angiolith.cli`: the command line without its console script."""

from angiolith.cli import main

main()
