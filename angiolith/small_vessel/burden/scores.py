"""Total SVD score and CAA score of one session, the tool's and each reader's.

Staals 2014 (Neurology 83:1228): one point each for WMH (deep Fazekas 2-3 or periventricular 3), one or more lacunes,
one or more deep microbleeds, and more than 10 perivascular spaces in the basal ganglia; 0 to 4. Charidimou 2016 (JAMA
Neurol 73:994): lobar microbleeds (2-4: 1; 5 or more: 2), cortical superficial siderosis (focal: 1; disseminated: 2),
more than 20 perivascular spaces in the centrum semiovale (1), WMH as above (1); 0 to 6. A score with a missing part is
missing, never lower, and names the part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from angiolith.core.settings.burden import CaaScoreSettings, SvdScoreSettings

SIDEROSIS = "cortical_superficial_siderosis"
INPUTS = (
    *("fazekas_deep", "fazekas_periventricular", "n_lacunes"),
    *("n_microbleeds", "n_microbleeds_deep", "n_microbleeds_infratentorial", "n_microbleeds_lobar"),
    *("pvs_basal_ganglia_grade", "pvs_centrum_semiovale_grade", SIDEROSIS),
)
SVD_PARTS = ("wmh", "lacunes", "microbleeds", "pvs_basal_ganglia")
CAA_PARTS = ("lobar_microbleeds", "siderosis", "pvs_centrum_semiovale", "wmh")
PART_NAMES = {
    "wmh": "Fazekas grades",
    "lacunes": "lacunes",
    "microbleeds": "microbleeds",
    "pvs_basal_ganglia": "perivascular spaces of the basal ganglia",
    "lobar_microbleeds": "lobar microbleeds",
    "siderosis": "cortical superficial siderosis",
    "pvs_centrum_semiovale": "perivascular spaces of the centrum semiovale",
}
Values = Mapping[str, float | None]


@dataclass(frozen=True)
class Score:
    """Points by part (None: missing), their sum (None where a part is missing), and the missing parts by name."""

    points: dict[str, int | None]
    total: int | None
    reason: str


def svd_score(values: Values, settings: SvdScoreSettings) -> Score:
    """Total SVD score of a session (0 to 4).

    Parameters
    ----------
    values : mapping of str to number
        Those of INPUTS that there are; missing ones are None or absent.
    settings : SvdScoreSettings
        Cut-points: section `burden.svd_score` of the configuration.

    Returns
    -------
    Score
        Points and their sum, or why there is none.

    Notes
    -----
    Staals 2014, Neurology 83:1228.
    """
    bleeds = _deep(values) if settings.microbleeds == "deep" else _number(values, "n_microbleeds")
    grade = _number(values, "pvs_basal_ganglia_grade")
    points = {
        "wmh": _wmh(values, settings.fazekas_deep_min, settings.fazekas_periventricular_min),
        "lacunes": _from(_number(values, "n_lacunes"), settings.lacunes_min),
        "microbleeds": _from(bleeds, settings.microbleeds_min),
        "pvs_basal_ganglia": _from(grade, settings.pvs_basal_ganglia_grade_min),
    }
    return _score(points)


def caa_score(values: Values, settings: CaaScoreSettings) -> Score:
    """CAA score of a session (0 to 6).

    Parameters
    ----------
    values : mapping of str to number
        As for `svd_score`; siderosis: 0 none, 1 focal, 2 disseminated.
    settings : CaaScoreSettings
        Cut-points: section `burden.caa_score` of the configuration.

    Returns
    -------
    Score
        Points and their sum, or why there is none.

    Notes
    -----
    Charidimou 2016, JAMA Neurol 73:994.
    """
    lobar = _of_none(values, "n_microbleeds_lobar")
    siderosis = _number(values, SIDEROSIS)
    grade = _number(values, "pvs_centrum_semiovale_grade")
    points = {
        "lobar_microbleeds": None if lobar is None else sum(lobar >= least for least in settings.lobar_microbleeds),
        "siderosis": None if siderosis is None else int(siderosis),
        "pvs_centrum_semiovale": _from(grade, settings.pvs_centrum_semiovale_grade_min),
        "wmh": _wmh(values, settings.fazekas_deep_min, settings.fazekas_periventricular_min),
    }
    return _score(points)


def _number(values: Values, name: str) -> float | None:
    value = values.get(name)
    return None if value is None or pd.isna(value) else float(value)


def _of_none(values: Values, name: str) -> float | None:
    """A number of microbleeds of one place; of no microbleeds at all it is 0."""
    return 0.0 if _number(values, "n_microbleeds") == 0 else _number(values, name)


def _deep(values: Values) -> float | None:
    """Deep and infratentorial microbleeds together; known to be some where one of the two is."""
    parts = [_of_none(values, f"n_microbleeds_{place}") for place in ("deep", "infratentorial")]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) or sum(known) > 0 else None


def _from(value: float | None, least: float) -> int | None:
    return None if value is None else int(value >= least)


def _wmh(values: Values, deep_min: int, periventricular_min: int) -> int | None:
    """The point of WMH: either grade alone can give it, both are needed to deny it."""
    given = (
        _from(_number(values, "fazekas_deep"), deep_min),
        _from(_number(values, "fazekas_periventricular"), periventricular_min),
    )
    return 1 if 1 in given else None if None in given else 0


def _score(points: dict[str, int | None]) -> Score:
    missing = [PART_NAMES[part] for part, value in points.items() if value is None]
    known = [value for value in points.values() if value is not None]
    return Score(points, None if missing else sum(known), f"not known: {', '.join(missing)}" if missing else "")


BURDEN_COLUMNS = [
    *("subject", "session", "rater", *(f"svd_{part}" for part in SVD_PARTS), "svd_score", "svd_score_reason"),
    *(*(f"caa_{part}" for part in CAA_PARTS), "caa_score", "caa_score_reason"),
]


def burden_table(
    patients: pd.DataFrame, readers: Sequence[str], svd: SvdScoreSettings, caa: CaaScoreSettings, tool: str = "tool"
) -> pd.DataFrame:
    """The points and scores of each session and rater.

    The tool sees no siderosis: it takes that of a table without readers, or the value that all readers who gave one
    have in common.

    Parameters
    ----------
    patients : DataFrame
        The patients' table; a reader's values stand in `<name>_<reader>`.
    readers : sequence of str
        Names of the readers.
    svd, caa : SvdScoreSettings and CaaScoreSettings
        Cut-points: section `burden` of the configuration.
    tool : str
        The tool's name among the raters.

    Returns
    -------
    DataFrame
        One row per session and rater (columns BURDEN_COLUMNS).
    """
    rows: list[dict[str, Any]] = []
    for record in patients.to_dict("records"):
        for rater in (tool, *readers):
            end = "" if rater == tool else f"_{rater}"
            values = {name: record.get(f"{name}{end}") for name in INPUTS}
            if rater == tool and _number(values, SIDEROSIS) is None:
                given = {_number(record, f"{SIDEROSIS}_{reader}") for reader in readers} - {None}
                values[SIDEROSIS] = given.pop() if len(given) == 1 else None
            elif rater != tool and all(_number(values, name) is None for name in INPUTS):
                continue  # who did not read this session
            scores = {"svd": svd_score(values, svd), "caa": caa_score(values, caa)}
            row: dict[str, Any] = {"subject": record["subject"], "session": record["session"], "rater": rater}
            for name, score in scores.items():
                row |= {f"{name}_{part}": value for part, value in score.points.items()}
                row |= {f"{name}_score": score.total, f"{name}_score_reason": score.reason}
            rows.append(row)
    return pd.DataFrame(rows, columns=BURDEN_COLUMNS)


def with_scores(patients: pd.DataFrame, burden: pd.DataFrame, tool: str = "tool") -> pd.DataFrame:
    """The patients' table with the scores.

    Parameters
    ----------
    patients : DataFrame
        A row per session.
    burden : DataFrame
        `burden_table` of these patients.
    tool : str
        The tool's name among the raters.

    Returns
    -------
    DataFrame
        With `svd_score`, `caa_score`, why they are missing, and each reader's beside them.
    """
    table = patients
    for rater, rows in burden.groupby("rater", sort=False):
        names = ["svd_score", "svd_score_reason", "caa_score", "caa_score_reason"]
        end = "" if rater == tool else f"_{rater}"
        own = rows[["subject", "session", *(names if rater == tool else names[::2])]]
        own = own.rename(columns={name: f"{name}{end}" for name in names})
        own = own.drop(columns=[name for name in own if name in table and name not in ("subject", "session")])
        table = table.merge(own, on=["subject", "session"], how="left", validate="one_to_one")
    return table
