"""Who is in an analysis and why the others are not: criteria in their order, and an account that must add up."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from angiolith.cohort.collect import VISIT_NUMBER
from angiolith.cohort.external import StudyTableError, category_text
from angiolith.core.bids.dates import DateError, iso_date
from angiolith.core.bids.visits import order_visits
from angiolith.core.settings.analyses import Criterion

COLUMNS = [
    "analysis",
    "step",
    "reason",
    "n_in",
    "n_excluded",
    "n_left",
    "rows_in",
    "rows_excluded",
    "rows_left",
    "excluded_subjects",
    "n_waiting",
    "waiting_subjects",
]


NOT_MADE = "analysis not made"
UNKNOWN_ORDER = "the order of the visits is not known"


class AttritionError(RuntimeError):
    """The account does not add up: a subject is counted twice or not at all."""


def exclusions(
    table: pd.DataFrame,
    criteria: Sequence[Criterion],
    known: Sequence[str],
    visit: str,
    reviewed: pd.Series | None = None,
    session_order: Sequence[str] = (),
) -> pd.DataFrame:
    """Step and reason of every row that is left out, by the first rule that it fails.

    Returns step (0 for the visit and the review, 1.. for the criteria, then the known columns) and reason, indexed as
    `table`; both missing for the rows that stay.

    Parameters
    ----------
    table : pd.DataFrame
        One row per lesion or patient.
    criteria : Sequence[Criterion]
        The analysis' `include`.
    known : Sequence[str]
        Columns without which a row cannot be analysed (the group, the outcome), judged last.
    visit : str
        "first" leaves out later visits, before all else, and subjects whose first visit is not known
        (`session_order`: the declared order of the labels).
    reviewed : pd.Series | None
        Reason by row why a reader's review took it out, or None.
    session_order : Sequence[str]
        Declared order of the session labels.

    Returns
    -------
    pd.DataFrame
        Columns `step` and `reason`, index of `table`; missing for the rows that stay.
    """
    account = pd.DataFrame(
        {"step": pd.Series(pd.NA, table.index, dtype="Int64"), "reason": pd.Series(None, table.index, dtype=object)}
    )

    def leave_out(rows: pd.Series, step: int, reason: str | pd.Series) -> None:
        rows = rows & account["step"].isna()
        account.loc[rows, "step"] = step
        account.loc[rows, "reason"] = reason if isinstance(reason, str) else reason[rows]

    if visit == "first" and "session" in table.columns:
        later, unknown = _later_visits(table, session_order)
        leave_out(unknown.notna(), 0, unknown)
        leave_out(later, 0, "later visit")
    if reviewed is not None:
        leave_out(reviewed.notna(), 0, reviewed)
    for step, criterion in enumerate(criteria, start=1):
        values = table[criterion.column]
        bounded = any(bound is not None for bound in (criterion.minimum, criterion.maximum, criterion.values))
        if criterion.missing == "exclude":
            unknown = f"{criterion.reason}: {criterion.column} not known" if bounded else criterion.reason
            leave_out(values.isna(), step, _with_own_reason(table, unknown, criterion.reason_column))
        leave_out(values.notna() & ~meets(values, criterion), step, criterion.reason)
    for step, column in enumerate(known, start=len(criteria) + 1):
        leave_out(table[column].isna(), step, f"{column} not known")
    return account


def _later_visits(table: pd.DataFrame, session_order: Sequence[str]) -> tuple[pd.Series, pd.Series]:
    """Rows that do not belong to the subject's first session; and by row why it is not known which that is.

    By `visit_number` where the table has it, else by `acq_time` and the labels of the sessions (see `order_visits`).
    """
    first: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for subject, rows in table.groupby("subject"):
        sessions = list(dict.fromkeys(rows["session"].dropna().astype(str)))
        if len(sessions) < 2:
            first[subject] = sessions[0] if sessions else ""
            continue
        if VISIT_NUMBER in table.columns:
            numbers = pd.to_numeric(rows[VISIT_NUMBER], errors="coerce")
            if numbers.notna().all():
                first[subject] = str(rows["session"][numbers.idxmin()])
            else:
                unknown[subject] = UNKNOWN_ORDER
            continue
        order = order_visits({session: _date_of(rows, session) for session in sessions}, session_order)
        if order.sessions:
            first[subject] = order.sessions[0]
        else:
            unknown[subject] = f"{UNKNOWN_ORDER}: {order.how}"
    later = table["session"].notna() & (table["session"].astype(str) != table["subject"].map(first))
    why = table["subject"].map(unknown).astype(object)
    return later & why.isna(), why


def independent_rows(table: pd.DataFrame, kind: str) -> tuple[pd.DataFrame, str]:
    """The rows that may stand beside each other in a table or a test, and a note on those that may not.

    Visits of one subject are never pooled: of a subject with several sessions the first stays (see `_later_visits`;
    where their order is not known, the one that the table has first).

    Parameters
    ----------
    table : pd.DataFrame
        One row per lesion or session.
    kind : str
        `lesion` or `severity`; the lesions of that session all stay.

    Returns
    -------
    tuple[pd.DataFrame, str]
        The rows, and a note or an empty string.
    """
    if "subject" not in table:
        return table, ""
    rows = table
    if "session" in table:
        later, unknown = _later_visits(table, ())
        first = table.groupby("subject")["session"].transform("first")
        rows = table[~later.where(unknown.isna(), table["session"].notna() & (table["session"] != first))]
    if kind != "lesion":
        rows = rows[~rows["subject"].duplicated()]
    n = len(table) - len(rows)
    return rows, f"{n} row(s) of later visits left out: visits of one subject are not pooled" if n else ""


def _date_of(rows: pd.DataFrame, session: str) -> str | None:
    """The date of a session's rows. Raises StudyTableError for a cell that is none."""
    if "acq_time" not in rows.columns:
        return None
    for row, text in rows.loc[rows["session"].astype(str) == session, "acq_time"].dropna().items():
        try:
            return iso_date(str(text))
        except DateError as error:
            raise StudyTableError(f"row {row}, acq_time: {error}") from None
    return None


def meets(values: pd.Series, criterion: Criterion) -> pd.Series:
    """By row whether a value meets a criterion; with no bound every one does, and a missing one meets no bound.

    Parameters
    ----------
    values : pd.Series
        Values by row.
    criterion : Criterion
        Bounds or allowed values.

    Returns
    -------
    pd.Series
        Booleans by row.
    """
    meets = pd.Series(True, index=values.index)
    if criterion.minimum is not None:
        meets &= values >= criterion.minimum
    if criterion.maximum is not None:
        meets &= values <= criterion.maximum
    if criterion.values is not None:
        allowed = {category_text(value) for value in criterion.values}
        meets &= values.map(category_text).isin(allowed)
    return meets


def _with_own_reason(table: pd.DataFrame, reason: str, column: str | None) -> str | pd.Series:
    if column is None:
        return reason
    own = table[column]
    return (reason + ": " + own.astype(str)).where(own.notna(), reason)


def attrition_table(
    analysis: str, subjects: pd.Series, account: pd.DataFrame, waits: pd.Series | None = None
) -> pd.DataFrame:
    """The account as steps: one row per step and reason, a first row for all and a last one for those analysed.

    A subject leaves at the step that takes its last row. n counts subjects, rows counts lesions or visits;
    `excluded_subjects` lists the labels. `n_waiting`: of those left, the subjects that wait for a reader;
    `waiting_subjects` names them, in the last row.

    Parameters
    ----------
    analysis : str
        Name of the analysis.
    subjects : pd.Series
        The subject of each row.
    account : pd.DataFrame
        Columns `step` and `reason` of `exclusions`.
    waits : pd.Series | None
        Whether candidates of the row's session wait for a reader; None for no row.

    Returns
    -------
    pd.DataFrame
        One row per step and reason.

    Raises
    ------
    AttritionError
        If the account does not add up.
    """
    left = pd.Series(True, index=subjects.index)
    waits = pd.Series(False, index=subjects.index) if waits is None else waits
    total, total_rows = subjects.nunique(), len(subjects)
    steps = [[analysis, 0, "all", total, 0, total, total_rows, 0, total_rows, "", subjects[waits].nunique(), ""]]
    out = account.dropna(subset=["step"])
    counts = out.groupby(["step", "reason"], sort=False).size().reset_index(name="rows")
    for step, reason in counts.sort_values(["step", "rows", "reason"], ascending=[True, False, True])[
        ["step", "reason"]
    ].values:
        before = set(subjects[left])
        rows_before = int(left.sum())
        gone = (account["step"] == step) & (account["reason"] == reason)
        left &= ~gone.fillna(False).astype(bool)
        lost = before - set(subjects[left])
        rows_now = int(left.sum())
        n_now = len(before) - len(lost)
        names = ",".join(sorted(map(str, lost)))
        steps.append(
            [
                analysis,
                int(step),
                reason,
                len(before),
                len(lost),
                n_now,
                rows_before,
                rows_before - rows_now,
                rows_now,
                names,
                subjects[left & waits].nunique(),
                "",
            ]
        )
    n, rows = subjects[left].nunique(), int(left.sum())
    waiting = sorted(map(str, subjects[left & waits].unique()))
    last = [analysis, int(steps[-1][1]) + 1, "analysed", n, 0, n, rows, 0, rows, "", len(waiting), ",".join(waiting)]
    steps.append(last)
    table = pd.DataFrame(steps, columns=list(COLUMNS))
    check_account(
        table, sorted(map(str, subjects.unique())), sorted(map(str, subjects[account["step"].isna()].unique()))
    )
    return table


def not_made(analysis: str, subjects: pd.Series, reason: str) -> pd.DataFrame:
    """The account of an analysis that cannot be made: everybody leaves for this reason.

    Parameters
    ----------
    analysis : str
        Name of the analysis.
    subjects : pd.Series
        The subject of each row of its table, none where the table cannot be read.
    reason : str
        Why the analysis cannot be made.

    Returns
    -------
    pd.DataFrame
        Three rows.
    """
    total, rows = subjects.nunique(), len(subjects)
    names = ",".join(sorted(map(str, subjects.unique())))
    steps = [
        [analysis, 0, "all", total, 0, total, rows, 0, rows, "", 0, ""],
        [analysis, 1, f"{NOT_MADE}: {reason}", total, total, 0, rows, rows, 0, names, 0, ""],
        [analysis, 2, "analysed", 0, 0, 0, 0, 0, 0, "", 0, ""],
    ]
    return pd.DataFrame(steps, columns=list(COLUMNS))


def why_not_made(attrition: pd.DataFrame) -> str | None:
    """Why an analysis was not made, from its rows of the attrition table; None where it was.

    Parameters
    ----------
    attrition : pd.DataFrame
        The analysis' rows of the attrition table.

    Returns
    -------
    str | None
        The reason, or None.
    """
    reasons = (str(reason) for reason in attrition["reason"])
    return next((reason.removeprefix(f"{NOT_MADE}: ") for reason in reasons if reason.startswith(NOT_MADE)), None)


def check_account(table: pd.DataFrame, everybody: Sequence[str], analysed: Sequence[str]) -> None:
    """Raise AttritionError unless each step begins where the last ended and everybody is analysed or excluded, once.

    Parameters
    ----------
    table : pd.DataFrame
        The analysis' rows of the attrition table.
    everybody : Sequence[str]
        Labels of all subjects.
    analysed : Sequence[str]
        Labels of those analysed.

    Raises
    ------
    AttritionError
        Where the steps do not follow each other, or a subject is missing or counted twice.
    """
    for kind in ("n", "rows"):
        begins, excluded, ends = (table[f"{kind}_{name}"] for name in ("in", "excluded", "left"))
        if (begins - excluded != ends).any() or (begins.iloc[1:].to_numpy() != ends.iloc[:-1].to_numpy()).any():
            raise AttritionError(
                f"{table['analysis'].iloc[0]}: the steps of the attrition table do not add up ({kind})"
            )
    excluded_names = [name for names in table["excluded_subjects"] for name in str(names).split(",") if name]
    if sorted([*excluded_names, *analysed]) != sorted(everybody):
        raise AttritionError(f"{table['analysis'].iloc[0]}: a subject is unaccounted for or counted twice")
    if table["n_excluded"].sum() != len(excluded_names) or table["n_left"].iloc[-1] != len(analysed):
        raise AttritionError(f"{table['analysis'].iloc[0]}: the attrition table's counts differ from its lists")
