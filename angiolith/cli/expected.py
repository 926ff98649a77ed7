"""Time and disk that a run should take, from what the demo cohort took."""

from __future__ import annotations

from collections import Counter
from typing import Final

# Median seconds of a job on one core (benchmark files of the demo: 14 sessions of 8 subjects, images of 0.5 to 1 mm,
# two jobs at a time on two cores of a virtual machine). Real images of finer grids take longer.
SECONDS: Final = {
    "assess_agreement": 6.1,
    "audit_table": 1.0,
    "build_attrition": 1.9,
    "build_report": 6.8,
    "check_images": 0.9,
    "check_registration": 4.5,
    "collect_metrics": 1.0,
    "correlate_severity": 2.0,
    "decide_marks": 2.0,
    "describe_cohort": 1.4,
    "detect_lacunes": 4.4,
    "detect_microbleeds": 2.8,
    "export_session": 2.6,
    "fit_associations": 2.8,
    "fit_change": 1.2,
    "map_arteries": 3.0,
    "measure_calcification": 2.5,
    "measure_change": 26.5,
    "measure_plaque": 4.7,
    "measure_wmh": 1.9,
    "plot_change_qc": 1.8,
    "plot_subject_qc": 4.3,
    "register_ct_to_mri": 6.6,
    "register_mri_contrasts": 2.3,
    "register_mri_to_template": 18.0,
    "seal_subject": 0.3,
    "segment_calcification": 5.3,
    "segment_wmh": 11.1,
    "write_inventory": 0.7,
    "write_ro_crate": 0.4,
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
