"""Time and disk that a run should take, from what the demo cohort took."""

from __future__ import annotations

from collections import Counter
from typing import Final

# Median seconds of a job on one core (benchmark files of the demo: 14 sessions of 8 subjects, images of 0.5 to 1 mm,
# two jobs at a time on two cores of a shared server). Real images of finer grids take longer.
SECONDS: Final = {
    "assess_agreement": 4.4,
    "audit_table": 0.9,
    "build_attrition": 1.3,
    "build_report": 2.8,
    "check_images": 0.7,
    "check_registration": 1.9,
    "collect_metrics": 0.6,
    "correlate_severity": 1.9,
    "decide_marks": 1.0,
    "describe_cohort": 1.0,
    "detect_lacunes": 5.3,
    "detect_microbleeds": 10.7,
    "export_session": 1.3,
    "fit_associations": 2.6,
    "fit_change": 0.9,
    "map_arteries": 3.3,
    "measure_calcification": 2.4,
    "measure_change": 9.8,
    "measure_plaque": 4.5,
    "measure_wmh": 0.9,
    "plot_change_qc": 1.6,
    "plot_subject_qc": 2.4,
    "register_ct_to_mri": 7.0,
    "register_mri_contrasts": 1.9,
    "register_mri_to_template": 5.6,
    "seal_subject": 0.3,
    "segment_calcification": 3.4,
    "segment_wmh": 11.1,
    "write_inventory": 1.6,
    "write_ro_crate": 0.5,
}
SECONDS_OTHER: Final = 3.0  # of a rule that is not listed
MB_PER_SESSION: Final = 21  # the demo's derivatives, 291 MB for 14 sessions


def seconds_of(rule: str) -> float:
    """Seconds that a job of this rule should take on one core."""
    return SECONDS.get(rule, SECONDS_OTHER)


def seconds_of_jobs(jobs: Counter[str], cores: int) -> float:
    """Seconds that these jobs should take."""
    return sum(count * seconds_of(rule) for rule, count in jobs.items()) / cores


def duration(seconds: float) -> str:
    """Seconds as a person says them: `40 s`, `12 min`, `3 h 20 min`, `4 days`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes} min"
    return f"{seconds / 86400:.0f} days"


def size(megabytes: float) -> str:
    """Megabytes as `300 MB` or `12 GB`."""
    return f"{megabytes:.0f} MB" if megabytes < 2000 else f"{megabytes / 1000:.0f} GB"
