"""Analyses of the cohort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, field_validator, model_validator

from angiolith.core.settings.presets import with_preset
from angiolith.core.settings.section import Section

# [number] Knots of a restricted cubic spline. Source: Harrell, Regression Modeling Strategies, 2nd ed., 2015.
KNOTS_MIN, KNOTS_MAX = 3, 7


class Criterion(Section):
    """A row stays in an analysis if it meets this; the attrition table lists who does not, with the reason."""

    column: str
    """Column of the analysis' table. With no bound and no values given, the value only has to be there."""
    reason: str
    """What the attrition table says of those who are left out."""
    minimum: float | None = None
    """Smallest value that stays."""
    maximum: float | None = None
    """Largest value that stays."""
    values: list[str | float] | None = None
    """Values that stay."""
    missing: Literal["exclude", "keep"] = "exclude"
    """What happens to a row without a value; excluded ones are counted apart from those that miss the bound."""
    reason_column: str | None = None
    """Column that says, row by row, why the value is missing; its text follows the reason."""


class ChangeColumns(Section):
    """Where the two values of one marker stand; `change` alone for a marker that is measured as a change only."""

    baseline: str | None = None
    """Column of the value at the first visit."""
    followup: str | None = None
    """Column of the value at the last visit."""
    change: str | None = None
    """Column of the change itself."""
    visits: dict[str, str] = {}
    """Visits after the follow-up: column of the value: column of its days since the first visit. They take part in the
    mixed model, which then also has a random slope."""
    repeats: list[str] = []
    """Columns that measure the first visit, two or more; from them the smallest detectable change. For WMH
    change, which is measured half-way between the visits, see docs/wmh_change_accuracy.md."""
    standard_error: float | None = None
    """Standard error of measurement, in the marker's unit, where it is known from elsewhere instead of `repeats`."""

    @model_validator(mode="after")
    def one_way(self) -> ChangeColumns:
        if len(self.repeats) == 1 or (self.repeats and self.standard_error is not None):
            raise ValueError("give two or more repeats, or the standard_error alone")
        if (self.baseline is None) != (self.followup is None) or (self.baseline is None) == (self.change is None):
            raise ValueError("give baseline and followup, or change alone")
        if self.visits and self.baseline is None:
            raise ValueError("visits need a baseline and a followup")
        return self


class LongTable(Section):
    """A file with several rows per subject that are to stand beside each other."""

    names: list[str]
    """Columns that say what a row holds (measure, artery, visit, ...)."""
    values: list[str]
    """Columns that hold the values. A wide column is called `<names>`; of several, `<value>_<names>`, joined by `_`."""


def _bent_or_modified(
    predictors: list[str], models: Mapping[str, list[str]], splines: Mapping[str, int], interactions: Mapping[str, str]
) -> None:
    """Refuse splines and interactions of what is in no model."""
    strange = sorted(set(interactions) - set(predictors))
    if strange:
        raise ValueError(f"interactions: {strange[0]} is not among the predictors")
    if any(predictor == modifier for predictor, modifier in interactions.items()):
        raise ValueError("interactions: a predictor does not modify itself")
    inside = {*predictors, *(name for names in models.values() for name in names)}
    strange = sorted(set(splines) - inside)
    if strange:
        raise ValueError(f"splines: {strange[0]} is neither a predictor nor a covariate of a model")
    if any(not KNOTS_MIN <= knots <= KNOTS_MAX for knots in splines.values()):
        raise ValueError(f"splines: give {KNOTS_MIN} to {KNOTS_MAX} knots")


class FollowUp(Section):
    """An outcome over time (stroke, death): when it came or was last known not to have come, and its models."""

    time: str
    """Column of the time from the baseline to the event, or to the last time that the patient was known without it."""
    event: str
    """Column that says what ended the time: the event, a competing event, or nothing (censored)."""
    event_values: list[str | float] = [1]
    """Values of `event` that are the event."""
    competing_values: list[str | float] = []
    """Values of `event` after which the event cannot come any more (death). All other values are censored."""
    entry: str | None = None
    """Column of the time from which a patient was watched, where that is later; not with competing events."""
    unit: str = "years"
    """Unit of the times, for the tables' and figures' text."""
    times: list[float] = [1.0, 2.0, 3.0, 5.0]
    """Times at which risk and number at risk are given."""
    predictors: list[str] = []
    """Predictors of the hazard, each alone and in every model."""
    models: dict[str, list[str]] = {}
    """Covariates by model; the name of an earlier model stands for its covariates."""
    splines: dict[str, int] = {}
    """Number: knots (3 to 7) of its restricted cubic spline, as `splines` of the analysis, here of the hazard."""
    interactions: dict[str, str] = {}
    """Predictor: the column that may modify its hazard ratio, as `interactions` of the analysis."""
    strata: list[str] = []
    """Columns whose levels have baseline hazards of their own (site)."""
    competing_model: Literal["fine-gray", "cause-specific"] = "fine-gray"
    """With competing events: hazard of the cumulative incidence (prognosis), or of the cause alone (aetiology)."""

    @model_validator(mode="after")
    def possible(self) -> FollowUp:
        if self.entry and self.competing_values:
            raise ValueError("a late entry and competing events together are not supported")
        if {*map(str, self.event_values)} & {*map(str, self.competing_values)}:
            raise ValueError("a value is either the event or a competing event")
        if self.models and not self.predictors:
            raise ValueError("models without predictors test nothing; name the predictors")
        _bent_or_modified(self.predictors, self.models, self.splines, self.interactions)
        return self


class Specifications(Section):
    """The grid of variants that one association is looked at in; the first of each is the primary one."""

    predictors: dict[str, str]
    """Option: column. The same thing measured otherwise (volume, Agatston equivalent, Woodcock grade, reader 2)."""
    outcomes: dict[str, str] = {}
    """Option: column; default: the analysis' outcome."""
    covariates: dict[str, list[str]] = {}
    """Option: covariates; default: none."""
    subsets: dict[str, list[Criterion]] = {}
    """Option: further criteria; default: all rows."""
    missing_covariates: list[Literal["complete cases", "imputed"]] = ["complete cases"]
    """Ways with missing covariates; imputed: as `imputations` says."""
    sources: dict[str, str] = {}
    """Option: table (patients.tsv, lesions.tsv) of a run with other settings of the images, kept under a name of its
    own. Measures of the same name are taken from it, by subject, session and lesion. This run is the first option."""


class AgreementDesign(Section):
    """How the readers of `agreement` read."""

    readers: Literal["random", "fixed", "nested"] = "random"
    """random: a sample of readers who all read everything, ICC(2); fixed: these alone are meant, ICC(3), consistency;
    nested: each thing was read by other readers, ICC(1)."""
    mean_is_used: bool = False
    """Whether the readers' mean will be used, so that its ICC is given, too."""
    order: str | None = None
    """Column of the number of each reading: whether the readers come nearer to each other with practice."""


class Drift(Section):
    """Measures of quality (noise, intracranial volume, a phantom's value) that should not change with the date."""

    measures: list[str]
    """Columns of the measures."""
    date: str = "acq_time"
    """Column of the date of each row (YYYY-MM-DD, a time may follow)."""
    by: str | None = None
    """Column of the site or scanner, each with limits of its own; default: all rows together."""


class Harmonisation(Section):
    """ComBat of measures over sites or scanners: only where these can be separated from biology."""

    measures: list[str]
    """Columns of the measures; five or more share what they know of a site."""
    site: str
    """Column of the site or scanner."""
    keep: list[str] = []
    """Columns whose effects stay (age, sex, group)."""

    @model_validator(mode="after")
    def apart(self) -> Harmonisation:
        if {self.site, *self.keep} & set(self.measures) or self.site in self.keep:
            raise ValueError("measures, site and what is kept are different columns")
        return self


class Federation(Section):
    """What this site hands over to be pooled with others: sums and estimates, never rows."""

    site: str
    """Name of this site in the pooled tables."""
    cell_min: int = 10
    """No count of rows from 1 to below this leaves the site; a model with such a cell is refused."""


class MeasurementError(Section):
    """What is known of a predictor's error of measurement."""

    repeats: list[str] = []
    """Columns that measure the same thing at the same visit, two or more (repeats, readers)."""
    standard_error: float | None = None
    """SD of the error in the predictor's unit, where it is known from elsewhere instead of `repeats`."""
    bounds: list[str] = []
    """Columns of the tool's own lower and upper bound (`wmh_volume_low_cm3`, `wmh_volume_high_cm3`), taken as ends of a
    95 % interval, instead of `repeats`."""
    averaged: int = 1
    """How many such measurements the predictor is the mean of."""

    @model_validator(mode="after")
    def one_way(self) -> MeasurementError:
        sources = len(self.repeats) >= 2, self.standard_error is not None, len(self.bounds) == 2
        if sum(sources) != 1 or len(self.bounds) == 1 or len(self.repeats) == 1 or self.averaged < 1:
            raise ValueError("give two or more repeats, the standard_error or two bounds alone; averaged is 1 or more")
        return self


class Mediation(Section):
    """An exposure, the mediator that it may act through, and their covariates; the outcome is the analysis'."""

    exposure: str
    """Column of the exposure (calcification), a number or yes/no."""
    mediator: str
    """Column of the mediator (WMH volume), a number or yes/no."""
    covariates: list[str] = []
    """Covariates of both models: what may confound exposure, mediator and outcome."""
    contrast: list[float] = []
    """The two values of the exposure that are compared; default: 0 and 1 of yes/no, else the quartiles."""
    interaction: bool = False
    """Whether the mediator's effect may differ with the exposure."""
    resamples: int = 1000
    """Bootstrap samples for the intervals."""
    seed: int = 20170
    """Seed of the bootstrap."""

    @model_validator(mode="after")
    def possible(self) -> Mediation:
        if self.contrast and (len(self.contrast) != 2 or self.contrast[0] == self.contrast[1]):
            raise ValueError("contrast: give two different values of the exposure")
        if self.exposure == self.mediator or {self.exposure, self.mediator} & set(self.covariates):
            raise ValueError("exposure, mediator and covariates are different columns")
        return self


class PowerSettings(Section):
    """Sample size of a follow-up study, from the change that this cohort shows."""

    alpha: float = 0.05
    """Two-sided level of significance."""
    power: float = 0.8
    """Power."""
    slowing_percent: list[float] = [25.0, 50.0]
    """By how much a treatment is to slow the mean change per year, in a trial of two equal arms."""
    dropout_percent: float = 0.0
    """Fraction of patients without a follow-up; the sizes are raised by it."""


class NextStudy(Section):
    """Sizes of a study to come, beside those of `power`, whose alpha, power and dropout are taken."""

    parameters: int | None = None
    """Terms that a prediction model is to have; default: those of each model here."""
    shrinkage: float = 0.9
    """Expected shrinkage of a prediction model's effects."""
    icc_width: float = 0.2
    """Whole width of the interval that an ICC of readers is to have."""
    icc_minimum: float = 0.75
    """The ICC that readers are to be shown to pass."""


def _preset_or_kind(schema: dict[str, Any]) -> None:
    """In the JSON schema: an analysis needs a kind and a table, or a preset that has them."""
    needed = schema.pop("required")
    schema["anyOf"] = [{"required": ["preset"]}, {"required": needed}]


CorrelationMethod = Literal["spearman", "pearson", "kendall", "jonckheere-terpstra"]


class Analysis(Section):
    """One analysis of the cohort: which rows, which columns, which questions. Empty questions make no table."""

    model_config = ConfigDict(json_schema_extra=_preset_or_kind)

    preset: str | None = None
    """A ready-made analysis, `vertebrobasilar-culprit` or `calcification-csvd` (docs/presets.md): every key that is not
    given here is the preset's."""
    kind: Literal["lesion", "severity"]
    """What a row is: `lesion` one plaque (several per subject allowed), `severity` one patient."""
    table: str
    """`lesions` or `patients` (what the images gave), or a file of your own (.tsv, .csv, .xlsx)."""
    sheet: str | None = None
    """Sheet of an .xlsx; default: the first."""
    columns: dict[str, str] = {}
    """Name used here: name in your file, for columns that are called otherwise. `subject` is always needed."""
    long: LongTable | None = None
    """For a file with one row per subject and measure (or visit): how its rows become columns. Names are the file's."""
    units: dict[str, str] = {}
    """Column: the unit of its values in the file, where it is not the one that its name ends in; they are converted."""
    missing_codes: dict[str, list[str | float]] = {}
    """Column: its values that stand for missing (-999, 9, ...); an empty list where one that looks so is true."""
    missing_columns: Literal["refuse", "leave out"] = "refuse"
    """What becomes of a question whose column the table lacks, or has without any value: the analysis is not made, or
    only the question is left out, and `missing_columns.tsv` names the column once."""
    visit: Literal["first", "all"] = "first"
    """Whether only the first visit of a subject counts, or all of them (rows are then not independent)."""
    include: list[Criterion] = []
    """Criteria, applied in this order."""
    group: str | None = None
    """Column of the groups that are compared; default: the outcome."""
    group_levels: list[str] = []
    """The groups in their order (the first is the reference); default: sorted. Other values are an error."""
    categorical: list[str] = []
    """Columns that hold categories; every other column used must hold numbers (0/1 for no/yes)."""
    describe: list[str] = []
    """Variables of the table of characteristics."""
    applies: dict[str, str] = {}
    """Variable: the column that must be above zero for it to have a value at all (density: any calcification). What
    does not apply is counted apart from what is missing. The density of calcium follows its volume by itself."""
    title: str = ""
    """Heading of the analysis' page, figures and printed tables; default: its name."""
    labels: dict[str, str] = {}
    """Column, group or level: how the printed tables call it, e.g. `age_years: Age, years`. A column without a label
    takes LongName (or Description) and Units of the BIDS data dictionary (participants.json, phenotype/*.json)."""
    number_test: Literal["auto", "student", "welch", "rank"] = "auto"
    """Test of numbers across groups. student: t or ANOVA. auto: by normality, then by equality of variances."""
    count_test: Literal["auto", "chi-square", "fisher"] = "auto"
    """Test of counts across groups. auto: chi-square without continuity correction unless cells are sparse."""
    outcome: str | None = None
    """Column of the outcome of the regression models."""
    event: str | float | None = None
    """Value of the outcome that counts as the event; needed where the outcome's two values are not 0 and 1."""
    regression: Literal["logistic", "linear"] = "logistic"
    """Model of the outcome: logistic for a yes/no outcome, linear for a number."""
    predictors: list[str] = []
    """Predictors, each tested alone and in every model."""
    models: dict[str, list[str]] = {}
    """Covariates by model; the name of an earlier model stands for its covariates."""
    splines: dict[str, int] = {}
    """Number: knots (3 to 7) of its restricted cubic spline. Of predictors: test of non-linearity and curve; of
    covariates: how these curves are adjusted for them. The table of models stays linear."""
    interactions: dict[str, str] = {}
    """Predictor: the column that may modify its effect, which is then given at each of its levels, with the test."""
    primary: str | None = None
    """The model that answers the question; the printed table of models marks it. The others are secondary."""
    formulas: dict[str, str] = {}
    """Further models by the right-hand side of a formula, e.g. `stenosis_percent * male + poly(age_years, 2)`."""
    cluster: str | None = None
    """Column whose rows belong together; default: the subject. Where it repeats, errors are cluster-robust (GEE)."""
    cluster_correlation: Literal["independence", "exchangeable"] = "independence"
    """Working correlation of the rows of one cluster."""
    imputations: int = 20
    """Imputed data sets, beside the complete cases, for a model whose covariates have missing values; 0: none."""
    imputation_seed: int = 20170
    """Seed of the imputations."""
    references: dict[str, str] = {}
    """Reference level of a categorical column; default: the first of its sorted levels."""
    per: dict[str, float] = {}
    """Step of a number that its odds ratio is for, e.g. 100 HU; default 1."""
    severity: str | None = None
    """Column of the overall severity score; default: the position of the row's group in `group_levels`."""
    artery_severity: dict[str, str] = {}
    """Artery: column of its severity score."""
    markers: list[str] = []
    """Markers that severity is correlated with."""
    correlations: list[CorrelationMethod] = ["spearman", "pearson", "kendall", "jonckheere-terpstra"]
    """Which correlations and trend tests; false discovery rates are within one method."""
    partial_for: list[str] = []
    """Numbers (age, sex as 0/1, ...) that Spearman's and Pearson's correlations are also adjusted for."""
    marker_models: dict[str, Literal["ordinal", "negative-binomial", "linear"]] = {}
    """Marker: its regression on severity. ordinal for grades (Fazekas), negative-binomial for counts (microbleeds)."""
    marker_covariates: list[str] = []
    """Covariates of the marker models."""
    zero_inflation: bool = False
    """Whether the counts among the markers are tested for more zeros than their negative binomial model expects."""
    changes: dict[str, ChangeColumns] = {}
    """Marker: where its values at two visits stand."""
    interval_days: str = "interval_days"
    """Column of the days between the visits; it must be above zero. Without it no change per year is given."""
    baseline_date: str | None = None
    """Column of the first visit's date (YYYY-MM-DD), from which the interval is made."""
    followup_date: str | None = None
    """Column of the last visit's date; before the first visit's it is an error."""
    change_covariates: list[str] = []
    """Covariates of the follow-up model and of the mixed model, besides baseline, visit and severity."""
    power: PowerSettings = PowerSettings()
    next_study: NextStudy | None = None
    """Sizes of a study to come, for the predictors and models of this analysis and for its readers."""
    site: str | None = None
    """Column of the site or scanner. It joins the table of characteristics, and the models are given for each site,
    pooled over the sites, and without each of them."""
    drift: Drift | None = None
    """Control charts of quality measures by date, for each site or scanner."""
    harmonise: Harmonisation | None = None
    """Measures without the sites' effects (ComBat), as a table that another analysis may start from."""
    federation: Federation | None = None
    """Writes a sealed bundle of this site's sums and estimates, which `angiolith pool` joins with other sites'."""
    effect_sizes: bool = False
    """Whether associations are also given per SD, with E-values."""
    specifications: Specifications | None = None
    """Does the finding hold: the grid of variants of one association, which makes a specification curve."""
    measurement_error: dict[str, MeasurementError] = {}
    """Predictor: its error; its models are given as measured and corrected (regression calibration, SIMEX)."""
    mediation: dict[str, Mediation] = {}
    """Question: how much of an exposure's effect on the outcome goes through a mediator."""
    follow_up: dict[str, FollowUp] = {}
    """Outcome over time: its columns and models."""
    agreement: dict[str, list[str]] = {}
    """Measure: the columns of its raters, two or more, that are compared."""
    agreement_design: AgreementDesign = AgreementDesign()

    @property
    def any_splines(self) -> bool:
        """Whether any outcome, over time or not, has splines."""
        return bool(self.splines) or any(each.splines for each in self.follow_up.values())

    @property
    def any_interactions(self) -> bool:
        """Whether any outcome, over time or not, has interactions."""
        return bool(self.interactions) or any(each.interactions for each in self.follow_up.values())

    @model_validator(mode="before")
    @classmethod
    def from_preset(cls, given: Any) -> Any:
        """The preset's keys below the given ones; not where every key is given, as a job gets them."""
        if not isinstance(given, Mapping) or given.get("preset") is None or set(given) >= set(cls.model_fields):
            return given
        return with_preset(given)

    @field_validator("event", mode="before")
    @classmethod
    def no_boolean(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("YAML reads this as true or false; write the outcome's value in quotation marks")
        return value

    @model_validator(mode="after")
    def complete(self) -> Analysis:
        if (self.predictors or self.models or self.formulas) and self.outcome is None:
            raise ValueError("predictors, models and formulas need an outcome")
        if self.effect_sizes and not self.predictors:
            raise ValueError("effect_sizes needs predictors and an outcome")
        if self.zero_inflation and "negative-binomial" not in self.marker_models.values():
            raise ValueError("zero_inflation needs a marker whose model is negative-binomial (marker_models)")
        if self.mediation and self.outcome is None:
            raise ValueError("mediation needs an outcome")
        if self.specifications and self.outcome is None and not self.specifications.outcomes:
            raise ValueError("specifications need an outcome")
        if (self.site or self.federation) and not self.predictors:
            raise ValueError("site and federation need predictors and an outcome")
        _bent_or_modified(self.predictors, self.models, self.splines, self.interactions)
        strange = sorted(set(self.measurement_error) - set(self.predictors))
        if strange:
            raise ValueError(f"measurement_error: {strange[0]} is not among the predictors")
        if self.primary is not None and self.primary not in {"univariable", *self.models, *self.formulas}:
            raise ValueError(f"primary: there is no model {self.primary!r}")
        if self.models and not self.predictors:
            raise ValueError("models without predictors test nothing; name the predictors")
        if self.describe and self.group is None and (self.outcome is None or self.regression == "linear"):
            raise ValueError("describe needs a group, or a yes/no outcome, to compare")
        if (self.markers or self.changes or self.marker_models) and not (
            self.severity or self.artery_severity or self.group_levels
        ):
            raise ValueError(
                "markers, marker_models and changes need a severity, an artery_severity or ordered group_levels"
            )
        if (self.baseline_date is None) != (self.followup_date is None):
            raise ValueError("give baseline_date and followup_date together")
        single = [measure for measure, raters in self.agreement.items() if len(raters) < 2]
        if single:
            raise ValueError(f"agreement of {', '.join(single)} needs at least two columns")
        clash = sorted(({"univariable"} & {*self.models, *self.formulas}) | (set(self.models) & set(self.formulas)))
        if clash:
            raise ValueError(f"a model cannot be called {clash[0]}: the name is taken")
        return self
