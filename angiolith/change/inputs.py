"""What a comparison of two visits is given: the two visits' files and the settings of all that is compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from angiolith.core.inputs import Inputs
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.change import ChangeSettings
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings
from angiolith.core.settings.registration import RigidSettings
from angiolith.core.settings.section import PlainSettings, step_settings
from angiolith.core.settings.wmh import WmhMeasureSettings, WmhSegmentSettings

VisitInputs = Inputs
ChangeRow = dict[str, Any]


@dataclass(frozen=True)
class ChangeStepSettings:
    """The sections of the configuration that change is measured by."""

    change: ChangeSettings = field(default_factory=ChangeSettings)
    rigid: RigidSettings = field(default_factory=RigidSettings)
    brain: BrainSettings = field(default_factory=BrainSettings)
    wmh: WmhSegmentSettings = field(default_factory=WmhSegmentSettings)
    wmh_measure: WmhMeasureSettings = field(default_factory=WmhMeasureSettings)
    microbleeds: MicrobleedDetectSettings = field(default_factory=MicrobleedDetectSettings)

    @classmethod
    def of_job(cls, given: PlainSettings) -> ChangeStepSettings:
        """From a job's settings (nested plain values).

        Parameters
        ----------
        given : PlainSettings
            The job's settings.

        Returns
        -------
        ChangeStepSettings
            The typed sections.
        """
        return cls(
            step_settings(given, ChangeSettings),
            step_settings(given, RigidSettings),
            step_settings(given, BrainSettings),
            step_settings(given, WmhSegmentSettings),
            step_settings(given, WmhMeasureSettings),
            step_settings(given, MicrobleedDetectSettings),
        )


def visits_of(given: Inputs) -> tuple[VisitInputs, VisitInputs]:
    """The two visits' inputs, by the names that the jobs of one session use (listed as `<name>_<visit>`).

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.

    Returns
    -------
    tuple[VisitInputs, VisitInputs]
        Name -> path, of the first and of the second visit.
    """
    names = {name.rsplit("_", 1)[0] for name, _ in given.items() if name.endswith(("_first", "_second"))}
    first, second = ({name: given.get(f"{name}_{which}") for name in names} for which in ("first", "second"))
    return first, second
