"""A reader's verdicts on the quality-control pictures, and what a failed picture takes out of the cohort's tables.

The report's review page saves the table: subject, session, picture, verdict (pass, doubtful, fail), reviewer, note. A
failed picture stands for measurements (`takes_out` of the steps' pictures): these become missing with status `failed`
and the note as the reason, as if the job itself had failed, and the rows of analyses that use them leave with that
reason. A doubtful one gives them the status `review`. A pass changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from angiolith.calcification import step as calcification
from angiolith.change import step as change
from angiolith.cohort.external import StudyTableError
from angiolith.core.names import nearest
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, read_tsv
from angiolith.steps import PICTURES
from angiolith.vessel_wall import step as vessel_wall

COLUMNS = ("subject", "session", "picture", "verdict", "reviewer", "note")
KEYS = ["subject", "session", "picture"]
PASS, DOUBTFUL, FAIL = VERDICTS = ("pass", "doubtful", "fail")
CHANGE = change.PICTURE.name  # the picture of a subject's two visits; its session is the last one
IDENTITY = ("subject", "session", "from_session", "to_session", "lesion", "artery", "side", "reader", "measure")
KEPT = (*IDENTITY, "interval_days", "status", "reason", "acq_time")


def picture_keys(manifest: pd.DataFrame, pairs: Mapping[str, Sequence[str]]) -> set[tuple[str, str, str]]:
    """(subject, session, picture) of every picture; pairs: subject -> first and last session.

    Parameters
    ----------
    manifest : pd.DataFrame
        The manifest.
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.

    Returns
    -------
    set[tuple[str, str, str]]
        Keys of pictures.
    """
    keys = {
        (row["subject"], row["session"], picture.name)
        for row in manifest.to_dict("records")
        for picture in PICTURES.values()
        if any(pd.notna(row.get(image)) for image in picture.images)
    }
    return keys | {(subject, visits[-1], CHANGE) for subject, visits in pairs.items()}


def read_review(path: str | Path, known: set[tuple[str, str, str]]) -> pd.DataFrame:
    """Read and check a review; missing cells of reviewer and note are empty text.

    Parameters
    ----------
    path : str | Path
        Path of the table.
    known : set[tuple[str, str, str]]
        Keys of the pictures that exist.

    Returns
    -------
    pd.DataFrame
        The verdicts.

    Raises
    ------
    StudyTableError
        For wrong columns, pictures that do not exist or occur twice, and unknown verdicts.
    """
    if not Path(path).is_file():
        raise StudyTableError(f"{path}: no such file (review); save it on the report's review page")
    table = read_tsv(path, dtype=str).fillna("")
    if set(table.columns) != set(COLUMNS):
        raise StudyTableError(f"{path}, row 1: the columns must be {', '.join(COLUMNS)}")
    table["subject"] = table["subject"].str.removeprefix("sub-")
    table["session"] = table["session"].str.removeprefix("ses-")
    problems = []
    seen: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(table.to_dict("records"), start=2):
        key = tuple(row[name] for name in KEYS)
        where, what = f"{path}, row {number}", f"picture {row['picture']!r} of sub-{key[0]} ses-{key[1]}"
        if key not in known:
            others = sorted(picture for subject, session, picture in known if (subject, session) == key[:2])
            hint = nearest(row["picture"], others) if others else "no such subject-session in the manifest"
            problems.append(f"{where}: there is no {what}; {hint}; correct the row or delete it")
        if key in seen:
            problems.append(f"{where}: the {what} stands in row {seen[key]} already; keep one")
        if row["verdict"] not in VERDICTS:
            problems.append(f"{where}, verdict: {row['verdict']!r}; write one of {', '.join(VERDICTS)}")
        seen.setdefault(key, number)
    if problems:
        raise StudyTableError("\n".join(problems))
    return table


def judged(table: pd.DataFrame, review: pd.DataFrame, what: str, session: str = "session") -> pd.DataFrame:
    """A table of measurements after the review; `what`: which of the measures that pictures take out it holds.

    Rows of failed pictures lose their measures (all columns but names, dates and status) and get status failed with
    the reason; rows of doubtful ones get status review, unless they are failed or missing already.

    Parameters
    ----------
    table : pd.DataFrame
        Table of measurements.
    review : pd.DataFrame
        The reader's verdicts.
    what : str
        Which of the measures it holds.
    session : str
        Column of the session.

    Returns
    -------
    pd.DataFrame
        The table after the review.
    """
    result = table.astype({"status": object, "reason": object})
    measures = [name for name in table.columns if name not in KEPT]
    for row in review.to_dict("records"):
        if what not in PICTURES[row["picture"]].takes_out or row["verdict"] == PASS:
            continue
        own = (table["subject"] == row["subject"]) & (table[session] == row["session"])
        reason = row.get("reason") or reason_of(row)
        if row["verdict"] == FAIL:
            for name in measures:
                result[name] = result[name].where(~own)
            result.loc[own, "status"] = FAILED
            result.loc[own, "reason"] = reason
        else:
            usable = own & result["status"].isin([OK, REVIEW])
            result.loc[usable, "status"] = REVIEW
            result.loc[usable, "reason"] = _joined(result.loc[usable, "reason"], reason)
    return result


def _joined(reasons: pd.Series, reason: str) -> list[str]:
    return [join_reasons(None if pd.isna(old) else str(old), reason) for old in reasons]


def without_calcium(plaques: pd.DataFrame, review: pd.DataFrame) -> pd.DataFrame:
    """The plaques without what the CT says of them, where the calcification's or the registration's picture failed.

    Parameters
    ----------
    plaques : pd.DataFrame
        One row per lesion and reader.
    review : pd.DataFrame
        The reader's verdicts.

    Returns
    -------
    pd.DataFrame
        The table after the review.
    """
    result = plaques.astype({"status": object, "reason": object})
    columns = [name for name in plaques.columns if name.startswith("calcium_") or name in vessel_wall.OF_CT]
    for row in review[review["verdict"] == FAIL].to_dict("records"):
        if "calcification" in PICTURES[row["picture"]].takes_out:
            own = (plaques["subject"] == row["subject"]) & (plaques["session"] == row["session"])
            for name in columns:
                result[name] = result[name].where(~own)
            result.loc[own, "reason"] = _joined(result.loc[own, "reason"], reason_of(row))
            result.loc[own & (result["status"] == OK), "status"] = REVIEW
    return result


def judged_changes(changes: pd.DataFrame, review: pd.DataFrame) -> pd.DataFrame:
    """The long table of changes after the review: pictures of either visit and of the two together count.

    Parameters
    ----------
    changes : pd.DataFrame
        Long table of changes.
    review : pd.DataFrame
        The reader's verdicts.

    Returns
    -------
    pd.DataFrame
        The table after the review.
    """
    result = changes
    calcium = changes["measure"].isin(calcification.CHANGES)
    for row in review.to_dict("records"):
        parts = PICTURES[row["picture"]].takes_out
        if row["picture"] == CHANGE:
            hit = ~calcium
        else:
            hit = (calcium & ("calcification" in parts)) | (~calcium & ("small vessel" in parts))
        for visit in ("from_session", "to_session") if row["picture"] != CHANGE else ("to_session",):
            named = pd.DataFrame([row | {"picture": CHANGE}])
            named["reason"] = [reason_of(row)] if row["verdict"] != PASS else [""]
            result = result.where(~hit, judged(result, named, CHANGE, visit))
    return result


def reason_of(row: Mapping[str, str]) -> str:
    """A verdict as the reason that stands in the tables.

    Parameters
    ----------
    row : Mapping[str, str]
        One verdict.

    Returns
    -------
    str
        One line.
    """
    verdict = {FAIL: "failed in review", DOUBTFUL: "doubtful in review"}[row["verdict"]]
    by = f" by {row['reviewer']}" if row["reviewer"] else ""
    return f"{verdict}{by} ({row['picture']})" + (f": {row['note']}" if row["note"] else "")


def taken_out(before: pd.DataFrame, after: pd.DataFrame, review: pd.DataFrame) -> pd.DataFrame:
    """`after` with `review_reason` and `review_removed`: per row why, and which columns the failed pictures emptied.

    Parameters
    ----------
    before : pd.DataFrame
        The cohort's table without the review.
    after : pd.DataFrame
        The same rows with the review.
    review : pd.DataFrame
        The reader's verdicts.

    Returns
    -------
    pd.DataFrame
        `after` with two more columns.
    """
    emptied = before.notna() & after.reindex(columns=before.columns).isna()
    failed = review[review["verdict"] == FAIL]
    reasons = {
        key: join_reasons(*(reason_of(row) for row in part.to_dict("records")))
        for key, part in failed.groupby(["subject", "session"])
    }
    subjects = {subject: reason for (subject, _), reason in reasons.items()}
    own = [reasons.get(key) or subjects.get(key[0]) for key in zip(after["subject"], after["session"], strict=True)]
    removed = [",".join(before.columns[row]) for row in emptied.to_numpy()]
    return after.assign(
        review_reason=[reason if names else None for reason, names in zip(own, removed, strict=True)],
        review_removed=[names or None for names in removed],
    )


def left_out(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """The reason by row where a review took out one of these columns, else missing.

    Parameters
    ----------
    table : pd.DataFrame
        Table of `taken_out`.
    columns : Sequence[str]
        Names of columns.

    Returns
    -------
    pd.Series
        Reason by row, or missing.
    """
    none = pd.Series(None, index=table.index, dtype=object)
    if "review_removed" not in table.columns:
        return none
    wanted = set(columns)
    hit = table["review_removed"].map(lambda names: isinstance(names, str) and bool(wanted & set(names.split(","))))
    return table["review_reason"].astype(object).where(hit, none)
