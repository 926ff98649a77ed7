"""A logger plugin of Snakemake (`--logger angiolith`): what happens in a run, as one JSON object a line.

`angiolith run` reads these lines for its display. Snakemake finds the plugin by the name of this package, which is why
it is no part of `angiolith`. It changes nothing that the run computes.
"""

import json
import time
from dataclasses import dataclass, field
from logging import ERROR, LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

KEPT = {  # event -> what is kept of it, by the names that Snakemake gives
    "run_info": ("stats",),
    "job_info": ("jobid", "rule_name", "rule_msg", "wildcards", "log", "reason"),
    "job_finished": ("job_id",),
    "job_error": ("jobid", "rule_name", "log"),
    "group_error": ("job_error_info",),
}

LONGEST_TEXT = 300  # characters; the reason of a cohort's job names hundreds of files


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """The plugin's options, `--logger-angiolith-...`; the types are what Snakemake parses them with."""

    events: str = field(default="", metadata={"help": "File for the events, one JSON object a line."})
    quiet: bool = field(default=False, metadata={"help": "Leave out Snakemake's own lines on the terminal."})


class LogHandler(LogHandlerBase):
    """Writes the events; the rest of the lines goes where it always goes, unless `quiet` is given."""

    settings: LogHandlerSettings

    def __post_init__(self) -> None:
        path = self.settings.events
        self.file = open(path, "w", encoding="utf-8", buffering=1) if path else None  # noqa: SIM115

    def emit(self, record: LogRecord) -> None:
        if self.file is None:
            return
        name = str(getattr(record, "event", None) or "")
        if name in KEPT:
            self._write(name, {key: _shortened(getattr(record, key, None)) for key in KEPT[name]})
        elif record.levelno >= ERROR:
            self._write("error", {"message": record.getMessage()})

    def _write(self, name: str, content: dict[str, Any]) -> None:
        if self.file is not None:
            self.file.write(json.dumps({"event": name, "time": time.time(), **content}, default=str) + "\n")

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        return self.settings.quiet

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False


def _shortened(value: Any) -> Any:
    return f"{value[:LONGEST_TEXT]} ..." if isinstance(value, str) and len(value) > LONGEST_TEXT else value
