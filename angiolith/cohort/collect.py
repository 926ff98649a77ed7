"""The cohort's tables: measures, participants and ratings of all subject-sessions, joined by keys.

Every row of the manifest appears in `patients` and in `lesions`, with a status and a reason where a measure is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from angiolith.core.settings.vessel_wall import CulpritSettings
from angiolith.core.tables import FAILED, FOUND, MISSING, USABLE
from angiolith.marks.kinds import KINDS
from angiolith.small_vessel.burden.scores import INPUTS
from angiolith.vessel_wall.culprit import judge_culprits
from angiolith.vessel_wall.parts import TOOL

# [number] Columns of two tables that are named. Source: layout.
SHOWN = 5
KEYS = ["subject", "session"]
PARTICIPANTS = "participants.tsv"
N_CANDIDATES = "n_calcification_candidates"  # marks that wait for a reader
N_OF_CANDIDATES = tuple(f"n_{kind}_candidates" for kind in KINDS)
VISIT = ["subject", "session", "acq_time", "ct_acq_time"]
VISIT_NUMBER = "visit_number"  # 1 for the first of several visits, missing where their order is not known
PER_VESSEL = [*KEYS, "artery", "side"]
PER_ARTERY = {"volume_mm3": "calcification_volume_mm3", "mean_hu": "calcification_mean_hu", "woodcock": "woodcock"}
DERIVED = {  # columns of the lesions' table that are made of others, by which `trace` finds what they come from
    "any_calcification": ("calcium_volume_mm3",),
    "culprit": ("stenosis_percent", "artery", "side", "symptomatic", "symptomatic_territory", "culprit_reader"),
}
DERIVED["culprit_reason"] = DERIVED["culprit"]
OF_SCORES = dict.fromkeys(("svd_score", "svd_score_reason", "caa_score", "caa_score_reason"), INPUTS)
# [1] Words for sex in BIDS, as the column `male` has them. Source: definition (BIDS).
SEXES = {"m": 1.0, "male": 1.0, "f": 0.0, "female": 0.0}
CHANGE_COLUMNS = [
    "subject",
    "from_session",
    "to_session",
    "interval_days",
    "measure",
    "baseline",
    "followup",
    "change",
    "change_per_year",
    "status",
    "reason",
]


class CollectError(ValueError):
    """Tables that belong together do not fit: a key stands twice, or a row belongs to no row of the manifest."""


class ClinicalError(CollectError):
    """A clinical table cannot be joined to the measures; `table` is its name."""

    def __init__(self, table: str, problem: str) -> None:
        super().__init__(f"{table}: {problem}")
        self.table, self.problem = table, problem


def join(left: pd.DataFrame, right: pd.DataFrame, keys: Sequence[str], what: str) -> pd.DataFrame:
    """Add the columns of `right` to every row of `left` by `keys`; `right` has each key once.

    Parameters
    ----------
    left : pd.DataFrame
        Table that gets columns.
    right : pd.DataFrame
        Table that gives them; each key once.
    keys : Sequence[str]
        Columns that both have.
    what : str
        What `right` holds, for messages.

    Returns
    -------
    pd.DataFrame
        `left` with the columns of `right`.

    Raises
    ------
    CollectError
        For a key that occurs twice in `right`, and for a column that both have.
    """
    twice = right[right.duplicated(list(keys))]
    if len(twice):
        raise CollectError(f"{what}: {_label(twice.iloc[0], keys)} stands twice")
    shared = [name for name in right.columns if name in left.columns and name not in keys]
    if shared:
        named = ", ".join(map(repr, shared[:SHOWN])) + (
            f" and {len(shared) - SHOWN} more" if len(shared) > SHOWN else ""
        )
        one = len(shared) == 1
        taken = f"the column {named} is already taken; give it another name"
        many = f"the columns {named} are already taken; give them other names"
        raise CollectError(f"{what}: {taken if one else many}")
    typeless = {name: right[name].dtype for name in keys if len(right) and left[name].isna().all()}
    return left.astype(typeless).merge(right, on=list(keys), how="left", validate="many_to_one")


def _label(row: pd.Series, keys: Sequence[str]) -> str:
    return " ".join(f"{key} {row[key]}" for key in keys)


def require_known(table: pd.DataFrame, manifest: pd.DataFrame, what: str) -> None:
    """Raise CollectError if a measured row belongs to no subject-session of the manifest.

    Parameters
    ----------
    table : pd.DataFrame
        Measured rows.
    manifest : pd.DataFrame
        The manifest, one row per session.
    what : str
        What the table holds, for messages.

    Raises
    ------
    CollectError
        If a row belongs to no session of the manifest.
    """
    known = set(map(tuple, manifest[KEYS].values))
    for row in table[KEYS].drop_duplicates().values:
        if tuple(row) not in known:
            raise CollectError(f"{what}: sub-{row[0]} ses-{row[1]} is not in the manifest")


def days_between(first: pd.Series, second: pd.Series) -> pd.Series:
    """Days from the first to the second of two columns of ISO dates; NaN where one is missing or no date.

    Parameters
    ----------
    first, second : pd.Series
        ISO dates by row.

    Returns
    -------
    pd.Series
        Days by row.
    """
    dates = [pd.to_datetime(values.astype("string").str.slice(0, 10), errors="coerce") for values in (first, second)]
    return (dates[1] - dates[0]).dt.days.astype(float)


def participant_columns(participants: pd.DataFrame | None) -> pd.DataFrame:
    """participants.tsv by subject label (`sub-` taken off).

    Parameters
    ----------
    participants : pd.DataFrame | None
        Table of participants, or None.

    Returns
    -------
    pd.DataFrame
        One row per subject.
    """
    if participants is None:
        return pd.DataFrame({"subject": pd.Series(dtype=str)})
    table = participants.rename(columns={"participant_id": "subject"})
    return with_standard_names(table.assign(subject=table["subject"].str.removeprefix("sub-")))


def with_standard_names(participants: pd.DataFrame) -> pd.DataFrame:
    """The table with `age_years` and `male` (1 male, 0 female) beside BIDS' own `age` and `sex`, where it has these.

    Columns of these names that are given stay as they are; a sex that is neither is missing.

    Parameters
    ----------
    participants : pd.DataFrame
        Table of participants.

    Returns
    -------
    pd.DataFrame
        The table with `age_years` and `male`.
    """
    added: dict[str, pd.Series] = {}
    if "age" in participants and "age_years" not in participants:
        added["age_years"] = pd.to_numeric(participants["age"], errors="coerce")
    if "sex" in participants and "male" not in participants:
        added["male"] = participants["sex"].astype("string").str.strip().str.lower().map(SEXES).astype(float)
    return participants.assign(**added)


def rating_columns(ratings: pd.DataFrame, name: str) -> pd.DataFrame:
    """One phenotype table by subject (and session); with a `reader` column, as `<column>_<reader>`.

    Parameters
    ----------
    ratings : pd.DataFrame
        One phenotype table.
    name : str
        Its name, for messages.

    Returns
    -------
    pd.DataFrame
        One row per subject, or per session where the table has these.

    Raises
    ------
    ClinicalError
        If a reader rated the same session twice.
    """
    table = ratings.rename(columns={"participant_id": "subject", "session_id": "session"})
    for key in (key for key in KEYS if key in table):
        table[key] = table[key].str.removeprefix("sub-").str.removeprefix("ses-")
    keys = [key for key in KEYS if key in table]
    if "reader" not in table:
        return table
    twice = table[table.duplicated([*keys, "reader"])]
    if len(twice):
        raise ClinicalError(name, f"{_label(twice.iloc[0], [*keys, 'reader'])} stands twice")
    wide = table.pivot(index=keys, columns="reader")
    wide.columns = [f"{column}_{_plain(reader)}" for column, reader in wide.columns]
    return wide.dropna(axis="columns", how="all").reset_index()


def _plain(reader: object) -> str:
    """A reader's name as columns end in it."""
    return re.sub("[^A-Za-z0-9]", "", str(reader))


def readers_of(ratings: Mapping[str, pd.DataFrame]) -> list[str]:
    """The readers of all ratings, as columns end in them.

    Parameters
    ----------
    ratings : Mapping[str, pd.DataFrame]
        Phenotype tables by name.

    Returns
    -------
    list[str]
        Names, sorted.
    """
    tables = [table["reader"].dropna() for table in ratings.values() if "reader" in table]
    return sorted({_plain(reader) for readers in tables for reader in readers})


def severity_columns(calcification: pd.DataFrame) -> pd.DataFrame:
    """Severity and totals of calcification, as the patients' table calls them.

    Parameters
    ----------
    calcification : pd.DataFrame
        Calcification per session.

    Returns
    -------
    pd.DataFrame
        The renamed table.
    """
    totals = {
        "total_volume_mm3": "calcification_volume_mm3",
        "n_lesions": "n_calcifications",
        "n_candidates": N_CANDIDATES,
        "candidate_volume_mm3": "calcification_candidate_volume_mm3",
    }
    return prefixed(calcification, "calcification", ["status", "reason"]).rename(columns=totals)


def marker_columns(small_vessel: pd.DataFrame) -> pd.DataFrame:
    """Markers of small-vessel disease, as the patients' table calls them.

    Parameters
    ----------
    small_vessel : pd.DataFrame
        Markers per session.

    Returns
    -------
    pd.DataFrame
        The renamed table.
    """
    return prefixed(small_vessel, "smallvessel", ["status", "reason"])


def acute_columns(acute: pd.DataFrame) -> pd.DataFrame:
    """Acute lesions on DWI, as the patients' table calls them.

    Parameters
    ----------
    acute : DataFrame
        A row per session with a DWI.

    Returns
    -------
    DataFrame
        The same rows; status and reason as `acute_status` and `acute_reason`.
    """
    return prefixed(acute, "acute", ["status", "reason"])


def plaque_columns(plaques: pd.DataFrame) -> pd.DataFrame:
    """Measures of plaques, as the lesions' table calls them.

    Parameters
    ----------
    plaques : pd.DataFrame
        Plaques, one row per lesion.

    Returns
    -------
    pd.DataFrame
        The renamed table.
    """
    plaques = plaques.drop(columns=[name for name in plaques if name.startswith(FOUND)])
    return prefixed(plaques, "plaque", ["status", "reason", "counted", "certainty", "decided_by", "mark"])


def artery_columns(arteries: pd.DataFrame) -> pd.DataFrame:
    """Calcification per artery, both sides together, as `<measure>_<artery>` by subject-session.

    Volume is the sum over the sides, mean HU their mean weighted by volume, the Woodcock grade the worst; each is NaN
    where a side was not measured, because the rest would understate it. The density of no calcium is missing, too.

    Parameters
    ----------
    arteries : pd.DataFrame
        Calcification per artery and side.

    Returns
    -------
    pd.DataFrame
        One row per session.
    """
    named = arteries.dropna(subset=["artery"])
    if named.empty:
        return pd.DataFrame({key: pd.Series(dtype=str) for key in KEYS})
    volume = named["volume_mm3"].astype(float)
    density = (named["mean_hu"].astype(float) * volume).where(volume > 0, 0.0)
    parts = named[[*KEYS, "artery"]].assign(
        unusable=~named["status"].isin(USABLE),
        volume_mm3=volume,
        no_volume=volume.isna(),
        density=density,
        no_density=density.isna(),
        woodcock=named["woodcock"].astype(float),
        no_woodcock=named["woodcock"].isna(),
    )
    flags = ["unusable", "no_volume", "no_density", "no_woodcock"]
    how = {"volume_mm3": "sum", "density": "sum", "woodcock": "max"} | dict.fromkeys(flags, "any")
    found = parts.groupby([*KEYS, "artery"]).agg(how)
    total = found["volume_mm3"]
    table = pd.DataFrame(
        {
            "volume_mm3": total.mask(found["no_volume"]),
            "mean_hu": (found["density"] / total.where(total > 0)).mask(found["no_density"]),
            "woodcock": found["woodcock"].mask(found["no_woodcock"]),
        }
    )
    wide = table.mask(found["unusable"]).unstack("artery")
    wide.columns = [f"{PER_ARTERY[measure]}_{artery}" for measure, artery in wide.columns]
    return wide.reset_index()


def prefixed(table: pd.DataFrame, prefix: str, names: Sequence[str]) -> pd.DataFrame:
    """The table with `prefix_` before the columns in `names`.

    Parameters
    ----------
    table : pd.DataFrame
        Any table.
    prefix : str
        Prefix without its underscore.
    names : Sequence[str]
        Columns to rename.

    Returns
    -------
    pd.DataFrame
        The renamed table.
    """
    return table.rename(columns={name: f"{prefix}_{name}" for name in names})


def with_missing_status(table: pd.DataFrame, prefix: str, reasons: pd.Series) -> pd.DataFrame:
    """Fill the status of rows without the measure: missing, with the reason given by row.

    Parameters
    ----------
    table : pd.DataFrame
        Table with `<prefix>_status` and `<prefix>_reason`.
    prefix : str
        Prefix without its underscore.
    reasons : pd.Series
        Reason by row.

    Returns
    -------
    pd.DataFrame
        The filled table.
    """
    absent = table[f"{prefix}_status"].isna()
    filled = table[f"{prefix}_reason"].astype(object)
    return table.assign(
        **{
            f"{prefix}_status": table[f"{prefix}_status"].astype(object).where(~absent, MISSING),
            f"{prefix}_reason": filled.where(~absent, reasons),
        }
    )


def absent_images(manifest: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Why a measure has no row: "no <image>" for those the session lacks.

    Parameters
    ----------
    manifest : pd.DataFrame
        The manifest, one row per session.
    columns : Sequence[str]
        Columns of images.

    Returns
    -------
    pd.Series
        Reason by row of the manifest.
    """

    def reason(row: pd.Series) -> str:
        wanting = [name for name in columns if pd.isna(row[name])]
        return f"no {' and no '.join(wanting)} in this session" if wanting else "not measured"

    return manifest.apply(reason, axis=1) if len(manifest) else pd.Series(dtype=object)


def wide_changes(change: pd.DataFrame) -> pd.DataFrame:
    """Changes by the first of the two visits: interval_days, to_session, `<measure>_{baseline,followup,change,...}`.

    Parameters
    ----------
    change : pd.DataFrame
        Long table of changes.

    Returns
    -------
    pd.DataFrame
        One row per subject and first session.
    """
    measured = change.dropna(subset=["measure", "to_session"])
    if measured.empty:
        return pd.DataFrame({key: pd.Series(dtype=str) for key in KEYS})
    index = ["subject", "from_session"]
    wide = measured.pivot(index=index, columns="measure", values=["baseline", "followup", "change", "change_per_year"])
    wide.columns = [f"{measure}_{kind}" for kind, measure in wide.columns]
    visits = measured.groupby(index)[["to_session", "interval_days"]].first()
    return visits.join(wide.astype(float)).reset_index().rename(columns={"from_session": "session"})


def change_rows(manifest: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """The long table of changes, with a row that says why for each subject that has one visit only, or several in no
    known order.

    Parameters
    ----------
    manifest : pd.DataFrame
        The manifest, one row per session.
    changes : pd.DataFrame
        Long table of changes.

    Returns
    -------
    pd.DataFrame
        Long table of changes.
    """
    visits = manifest.groupby("subject")["session"].agg(["count", "first"])
    single = visits[visits["count"] == 1]
    alone = pd.DataFrame({"subject": single.index, "from_session": single["first"].to_numpy()})
    alone = alone[~alone["subject"].isin(changes["subject"])].assign(status=MISSING, reason="one visit only")
    return pd.concat([changes, alone, _without_order(manifest)]).reindex(
        columns=[*CHANGE_COLUMNS, *_others(changes, CHANGE_COLUMNS)]
    )


def _without_order(manifest: pd.DataFrame) -> pd.DataFrame:
    """A failed row per subject whose visits' order is not known."""
    if "visit_order" not in manifest:
        return pd.DataFrame()
    unknown = manifest[manifest["visit_order"].notna() & manifest[VISIT_NUMBER].isna()].drop_duplicates("subject")
    reasons = "the order of the visits is not known: " + unknown["visit_order"]
    return pd.DataFrame({"subject": unknown["subject"], "status": FAILED, "reason": reasons})


def _others(table: pd.DataFrame, known: Sequence[str]) -> list[str]:
    return [name for name in table.columns if name not in known]


def patients_table(
    manifest: pd.DataFrame,
    participants: pd.DataFrame | None,
    ratings: Mapping[str, pd.DataFrame],
    calcification: pd.DataFrame,
    arteries: pd.DataFrame,
    small_vessel: pd.DataFrame,
    changes: pd.DataFrame,
    acute: pd.DataFrame | None = None,
    images: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per row of the manifest: dates, covariates, ratings, CT severity, small-vessel markers, change.

    A session without a measure has it missing, with `<measure>_status` and `<measure>_reason`. `interval_ct_mri_days`
    is the distance of the CT's own date from the session's.

    Parameters
    ----------
    manifest : pd.DataFrame
        The manifest, one row per session.
    participants : pd.DataFrame | None
        Table of participants, or None.
    ratings : Mapping[str, pd.DataFrame]
        Phenotype tables by name.
    calcification : pd.DataFrame
        Calcification per session.
    arteries : pd.DataFrame
        Calcification per artery and side.
    small_vessel : pd.DataFrame
        Markers per session.
    changes : pd.DataFrame
        Long table of changes.
    acute : pd.DataFrame | None
        Acute lesions per session with a DWI, or None.
    images : pd.DataFrame | None
        Status and reason of the image checks per session, or None.

    Returns
    -------
    pd.DataFrame
        The patients' table.

    Raises
    ------
    ClinicalError
        For participants (`PARTICIPANTS`) or ratings that cannot be joined: a column that the measures
        have too.
    """
    for table, what in ((calcification, "calcification"), (arteries, "calcification"), (small_vessel, "small vessel")):
        require_known(table, manifest, what)
    table = manifest[[*VISIT, *([VISIT_NUMBER] if VISIT_NUMBER in manifest else [])]].copy()
    table["interval_ct_mri_days"] = days_between(manifest["acq_time"], manifest["ct_acq_time"]).abs()
    if images is not None:
        table = join(table, images, KEYS, "checks of the images")
    first = list(table.columns)
    table = join(table, severity_columns(calcification), KEYS, "calcification")
    table = with_missing_status(table, "calcification", absent_images(manifest, ["ct"]))
    table = join(table, artery_columns(arteries), KEYS, "calcification per artery")
    table = join(table, marker_columns(small_vessel), KEYS, "small vessel")
    table = with_missing_status(table, "smallvessel", absent_images(manifest, ["FLAIR"]))
    if acute is not None and len(acute):  # a cohort without DWI has no such columns
        require_known(acute, manifest, "acute lesions")
        table = join(table, acute_columns(acute), KEYS, "acute lesions")
        table = with_missing_status(table, "acute", absent_images(manifest, ["dwi"]))
    table = join(table, wide_changes(changes), KEYS, "change")
    measured = [name for name in table.columns if name not in first]
    clinical = {PARTICIPANTS: participant_columns(participants)}
    clinical |= {name: rating_columns(given, name) for name, given in ratings.items()}
    for name, given in clinical.items():
        keys = ["subject"] if name == PARTICIPANTS else [key for key in KEYS if key in given]
        try:
            table = join(table, given, keys, name)
        except CollectError as error:
            raise ClinicalError(name, str(error).removeprefix(f"{name}: ")) from None
    given_columns = [name for name in table.columns if name not in first and name not in measured]
    return table[[*first, *given_columns, *measured]]


def one_reader(plaques: pd.DataFrame) -> pd.DataFrame:
    """One row per lesion: that of the first reader whose row can be used, else the first reader's; the tool's own
    wall stands in only where no reader drew the lesion.

    The lesion's values stay together as one reader measured them; how far the readers agree is the agreement table's.

    Parameters
    ----------
    plaques : pd.DataFrame
        One row per lesion and reader.

    Returns
    -------
    pd.DataFrame
        One row per lesion.
    """
    order = plaques.assign(traced=plaques["reader"] == TOOL, unusable=~plaques["status"].isin(USABLE))
    order = order.sort_values(["traced", "unusable", "reader"], kind="stable")
    chosen = order.drop_duplicates([*KEYS, "lesion"]).drop(columns=["traced", "unusable"])
    lesions = chosen[chosen["lesion"].notna()]
    with_lesions = set(map(tuple, lesions[KEYS].values))
    alone = chosen[KEYS].apply(tuple, axis=1).map(lambda keys: keys not in with_lesions).astype(bool)
    return pd.concat([lesions, chosen[chosen["lesion"].isna() & alone]]).sort_values([*KEYS, "lesion"])


def lesions_table(
    manifest: pd.DataFrame,
    patients: pd.DataFrame,
    plaques: pd.DataFrame,
    calcium: pd.DataFrame,
    criteria: CulpritSettings,
) -> pd.DataFrame:
    """One row per plaque with its calcium and the patient's columns; a session without any has one row that says why.

    `culprit` and `culprit_reason`: see `judge_culprits`, which takes the `criteria`; missing without the participants'
    column `symptomatic`, and where a cell of it cannot be read.

    Parameters
    ----------
    manifest : pd.DataFrame
        The manifest, one row per session.
    patients : pd.DataFrame
        The patients' table.
    plaques : pd.DataFrame
        One row per lesion and reader.
    calcium : pd.DataFrame
        CT lesions, summed over the plaque's artery and side as `artery_calcification_*`.
    criteria : CulpritSettings
        Section `vessel_wall.culprit`.

    Returns
    -------
    pd.DataFrame
        The lesions' table.
    """
    require_known(plaques, manifest, "plaque")
    lesions = plaque_columns(one_reader(plaques))
    table = manifest[KEYS].merge(lesions, on=KEYS, how="left")
    images = manifest[KEYS].assign(why=absent_images(manifest, ["vwi"]))
    table = with_missing_status(table, "plaque", table.merge(images, on=KEYS, how="left")["why"])
    table = join(table, artery_calcium(calcium), PER_VESSEL, "calcification lesions")
    nothing_found = table["artery"].notna() & table["artery_calcification_n"].isna()
    taken = [name for name in patients.columns if name not in table.columns or name in KEYS]
    table = join(table, patients[taken], KEYS, "patients")
    spoiled = _of_failed(table, calcium)
    searched = nothing_found & table["calcification_status"].isin(USABLE) & ~spoiled
    table.loc[searched, ["artery_calcification_n", "artery_calcification_volume_mm3"]] = 0.0
    table["any_calcification"] = (
        (table["calcium_volume_mm3"] > 0).astype(float).where(table["calcium_volume_mm3"].notna())
    )
    verdict = ["culprit", "culprit_reason"]
    for name in verdict:
        table[name] = pd.Series(pd.NA, index=table.index, dtype="string")
    measured = table["lesion"].notna() & table["plaque_status"].isin(USABLE)
    if "symptomatic" in table.columns and measured.any():
        try:
            table.loc[measured, verdict] = judge_culprits(table[measured], criteria)
        except ValueError as error:  # a call that is no verdict: no culprit is judged, all else is
            table.loc[measured, "culprit_reason"] = f"{error}; correct it in participants.tsv"
    return table


def _of_failed(table: pd.DataFrame, calcium: pd.DataFrame) -> pd.Series:
    """Which rows of a table belong to an artery of which metal left nothing to measure."""
    failed = calcium[calcium["status"].eq(FAILED) & calcium["artery"].notna()] if len(calcium) else calcium
    names = set(failed[PER_VESSEL].itertuples(index=False, name=None)) if len(failed) else set()
    return pd.Series([row in names for row in table[PER_VESSEL].itertuples(index=False, name=None)], table.index, bool)


def artery_calcium(calcium: pd.DataFrame) -> pd.DataFrame:
    """Counted CT lesions of one artery and side together: number, volume, largest HU, worst Kockelkoren score, any
    spotty.

    The worst score is missing where one lesion has none, and so is `any spotty` where none is and one is not known.

    Parameters
    ----------
    calcium : pd.DataFrame
        CT lesions of all sessions.

    Returns
    -------
    pd.DataFrame
        One row per session, artery and side.
    """
    measured = calcium[(calcium["counted"] == 1) & calcium["status"].isin(USABLE)] if len(calcium) else calcium
    measured = measured[~_of_failed(measured, calcium)] if len(measured) else measured
    summary = {
        "artery_calcification_n": ("lesion", "count"),
        "artery_calcification_volume_mm3": ("volume_mm3", "sum"),
        "artery_calcification_max_hu": ("max_hu", "max"),
        "artery_kockelkoren_score": ("kockelkoren_score", lambda scores: scores.astype(float).max(skipna=False)),
        "artery_any_spotty": ("spotty", _any_known),
    }
    if measured.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in [*PER_VESSEL, *summary]})
    return measured.groupby(PER_VESSEL).agg(**summary).reset_index()


def _any_known(flags: pd.Series) -> float:
    """1 where one flag is true, 0 where all are known and none is, else NaN."""
    known = as_measured(pd.DataFrame({"flag": flags}))["flag"].astype(float)
    return 1.0 if (known == 1).any() else float(known.max(skipna=False))


def as_measured(table: pd.DataFrame) -> pd.DataFrame:
    """Booleans as 0 and 1, so that a column with missing cells reads as numbers again.

    Parameters
    ----------
    table : pd.DataFrame
        Any table.

    Returns
    -------
    pd.DataFrame
        The table with numbers for booleans.
    """
    flags = {"True": 1.0, "False": 0.0, True: 1.0, False: 0.0}
    result = table.copy()
    for name, values in table.items():
        known = values.dropna()
        if len(known) and known.map(lambda value: isinstance(value, bool) or value in ("True", "False")).all():
            result[name] = values.map(flags).astype(float)
    return result
