"""The arguments that `run`, `check` and `plan` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.request import NO_IMAGES, Level, Request, labels

BidsDir = Annotated[
    Path,
    typer.Argument(metavar="BIDS_DIR", help=f"The images, as BIDS; `{NO_IMAGES}` to analyse tables without images."),
]
OutputDir = Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Where everything is written.")]
LevelArgument = Annotated[Level, typer.Argument(metavar="participant|group", help="How far to go.")]
SnakemakeOptions = Annotated[
    list[str] | None, typer.Argument(metavar="[-- SNAKEMAKE OPTIONS]", help="Options for Snakemake, after `--`.")
]
ParticipantLabels = Annotated[
    list[str] | None,
    typer.Option("--participant-label", metavar="LABEL ...", help="Only these participants (with or without sub-)."),
]
SessionLabels = Annotated[
    list[str] | None,
    typer.Option("--session-label", metavar="LABEL ...", help="Only these sessions (with or without ses-)."),
]
Configs = Annotated[
    list[Path] | None,
    typer.Option("--config", metavar="FILE ...", help="Configuration files (YAML); later ones override earlier ones."),
]
Cores = Annotated[int | None, typer.Option("--cores", metavar="N", help="Cores to use; default: all of this machine.")]
Profile = Annotated[
    str,
    typer.Option("--profile", metavar="NAME", help="Where jobs run: local, slurm, ..., or a folder with a profile."),
]


def request_of(
    bids_dir: Path,
    output_dir: Path,
    level: Level,
    participants: list[str] | None,
    sessions: list[str] | None,
    configs: list[Path] | None,
    cores: int | None,
    profile: str,
    extra: list[str] | None = None,
) -> Request:
    """The request that these arguments make."""
    return Request(
        bids_dir=None if str(bids_dir) == NO_IMAGES else bids_dir,
        output_dir=output_dir,
        level=level,
        participants=labels(participants or (), "sub-"),
        sessions=labels(sessions or (), "ses-"),
        configs=tuple(configs or ()),
        cores=cores,
        profile=profile,
        extra=tuple(extra or ()),
    )
