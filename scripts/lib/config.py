"""The configuration: one model, from which the default file, the JSON schema and the key reference are made.

Unknown keys are refused at every level; the message names the key, the file and the nearest known key. Units stand in
the names. Defaults live here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from scripts.lib.names import nearest


class ConfigError(ValueError):
    """The configuration cannot be used; one line per problem: file, key, what is wrong, what to write."""


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values are never coerced in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class CheckImagesSettings(Section):
    """What an image must satisfy before it is measured."""

    ct_air_hu_max: float = -300.0
    """A CT whose 2nd percentile lies above this holds no air: it is not in HU, or its intercept was lost."""
    ct_bone_hu_min: float = 300.0
    """A head CT must hold voxels above this (bone), else it is not in HU."""
    ct_slice_step_mm_max: float = 10.0
    """Largest slice step accepted for a CT."""
    voxel_mm_min: float = 0.05
    """A voxel edge below this means a unit mistake (um or m for mm)."""
    voxel_mm_max: float = 20.0
    """A voxel edge above this means a unit mistake."""


class RegistrationSettings(Section):
    """Rigid CT-MRI and MRI-MRI registration, and the way to the template."""

    seed: int = 20170
    """Seed of the metric's voxel sampling."""
    restart_spread_mm_max: float = 1.0
    """Independent starts must end this close together (mean over the head); beyond it the registration failed."""
    coarse_mm: float = 6.0
    """Voxel size of the first, multi-start level."""
    fine_mm: float = 2.0
    """Voxel size of the last level."""
    overlap_min: float = 0.6
    """Smallest share of the smaller head mask that must lie inside the other one after registration."""
    template_correlation_min: float = 0.3
    """An MRI whose correlation with the template within the brain is lower is marked for review."""
    template_overlap_min: float = 0.85
    """A CT whose brain overlaps the template's less (Dice) is marked for review."""
    bone_contrast_max: float = 0.9
    """Largest ratio of the MRI's signal inside CT bone to that of the soft tissue around it (bone is dark on MRI)."""


class ArterySettings(Section):
    """Where the arteries are looked for on the CT."""

    wall_margin_mm: float = 1.2
    """Calcium is looked for this far outside the lumen: wall and blooming."""
    search_sds: float = 1.0
    """The tube around a centreline is wider than lumen and wall by this many standard deviations of its position."""
    refine: bool = True
    """Fit the atlas centrelines to the CT (blood, calcium and bone around them) before the region is drawn."""
    refined_sd_mm: float = 0.8
    """Standard deviation of a fitted centreline's position."""
    mask_sd_mm: float = 0.3
    """Standard deviation of the position of a centreline that comes from a mask or an angiogram."""
    complete_from_atlas: bool = True
    """Arteries that a mask or an angiogram does not show are taken from the atlas (and the lookup table says so)."""
    angio_mads: float = 6.0
    """Angiogram: a vessel stands at least this many median absolute deviations above the tissue."""
    angio_share_min: float = 0.3
    """An artery of which a smaller share of the volume expected from the atlas shows on the angiogram is not taken."""


class KockelkorenSettings(Section):
    """Points of the Kockelkoren score (PLoS One 2017, 12:e0168360) and what its words mean here."""

    arc_dot: float = 1.0
    """Points of a dot."""
    arc_points: list[float] = [2.0, 3.0, 4.0]
    """Points of an arc under 90, of 90 to 270, and of 270 to 360 degrees."""
    dot_length_mm_max: float = 2.0
    """A lesion shorter than this, and with a smaller arc than `dot_arc_deg_max`, is a dot."""
    dot_arc_deg_max: float = 60.0
    """Largest arc of a dot."""
    thick: float = 1.0
    """Points of a thickness of `thick_mm_min` or more."""
    thin: float = 3.0
    """Points of a smaller thickness."""
    thick_mm_min: float = 1.5
    """A calcification this thick, mm at half maximum, is thick."""
    indistinguishable: float = 0.0
    """Points of a morphology that cannot be told (a dot)."""
    irregular: float = 1.0
    """Points of an irregular or patchy morphology."""
    continuous: float = 4.0
    """Points of a continuous morphology."""
    continuous_arc_deg_min: float = 90.0
    """An evenly filled lesion is continuous from this arc on."""
    filled_share_min: float = 0.7
    """Share of a lesion's angles and length that must be calcified to count as evenly filled."""
    iel_min: float = 7.0
    """Sum from which the calcification lies mainly in the internal elastic lamina; below it, mainly in the intima."""


class CalcificationSettings(Section):
    """What counts as calcification, and how a lesion is measured."""

    hu_min: float = 130.0
    """Threshold of calcification, HU; a voxel at the threshold counts."""
    lesion_volume_mm3_min: float = 1.0
    """Smaller lesions are noise."""
    lesion_voxels_min: int = 2
    """Lesions of fewer voxels are noise."""
    background_hu: float = 40.0
    """HU of blood and wall around calcium: the base of half maximum."""
    psf_mm: float = 1.2
    """In-plane blur of the CT, full width at half maximum; thickness is freed of it. 0: only of the voxel's."""
    bone_hu_min: float = 300.0
    """Bone grows from components of voxels above this."""
    bone_volume_mm3_min: float = 200.0
    """Components smaller than this, outside the artery's wall, are no bone."""
    protrusion_mm_min: float = 0.7
    """What lies beside bone is calcium only if it stands out from the bone into the artery by this much."""
    contrast_hu_min: float = 100.0
    """A lumen of this density or more means a contrast-enhanced CT."""
    on_contrast: Literal["refuse", "adaptive"] = "refuse"
    """What to do with a contrast-enhanced CT: refuse it, or raise the threshold above the lumen."""
    adaptive_hu_above_lumen: float = 150.0
    """With `on_contrast: adaptive`, calcium begins this far above the lumen's HU."""
    spotty_length_mm_max: float = 3.0
    """Spotty: shorter than this ..."""
    spotty_arc_deg_max: float = 90.0
    """... and with a smaller arc than this."""
    radius_voxels_min: float = 1.5
    """Below this lumen radius, in voxels of the cross-section, the arc is marked unreliable."""
    kockelkoren: KockelkorenSettings = KockelkorenSettings()


class SeveritySettings(Section):
    """Woodcock-like grades (0 to 3) and the three severity groups; a patient has the group of the worst artery."""

    thick_mm_min: float = 1.5
    """A calcification this thick is thick."""
    continuous_length_mm_min: float = 8.0
    """A calcification this long on its artery is continuous."""
    rule: Literal["grade", "volume", "higher"] = "higher"
    """Group of an artery: by its grade, by its volume, or by the higher of the two."""
    grade_cuts: list[int] = [2, 3]
    """First grade of the moderate and of the severe group."""
    volume_mm3_cuts: list[float] = [50.0, 150.0]
    """First volume of the moderate and of the severe group."""


class WmhSettings(Section):
    """White matter hyperintensities on FLAIR. SDs are those of normal-appearing white matter."""

    bias_voxel_mm: float = 6.0
    """Voxel size of the copy on which shading is estimated (N4)."""
    bias_iterations: int = 20
    """Iterations of N4 at each of its three levels."""
    smooth_mm: float = 0.8
    """Gaussian smoothing (sigma) along axes finer than 2 mm before grey values are judged."""
    seed_above_gm_sd: float = 3.0
    """A voxel this far above grey matter's level, in SDs of grey matter, is a seed of a hyperintensity."""
    seed_sd_min: float = 3.5
    """It must also lie this far above white matter's level."""
    seed_mm3_min: float = 5.0
    """Seeds are connected pieces of at least this volume; from there a lesion grows to half of its own height."""
    lesion_mm3_min: float = 5.0
    """Smaller lesions are dropped."""
    wm_prior_min: float = 0.4
    """Least probability of white matter, by the template, where hyperintensities are looked for."""
    near_ventricle_mm: float = 6.0
    """Within this of the ventricles 0.4 of that probability is enough."""
    surface_mm: float = 4.0
    """Nothing is looked for nearer than this to the surface of the brain."""
    enclosed_mm: float = 3.0
    """Gaps between and within ventricles up to twice this wide (septum, choroid plexus) are left out."""
    ventricle_margin_mm: float = 8.0
    """How far ventricles may reach beyond the template's."""
    noise_share_max: float = 0.2
    """A FLAIR whose white matter's SD is a larger share of its contrast to CSF is marked for review."""
    review_volume_cm3: float = 150.0
    """A larger volume is marked for review."""
    infarct_outside_mm3_min: float = 300.0
    """A lesion that goes on by this volume into the cortex, or around such a cavity, may be an infarct: review."""
    periventricular_mm: float = 10.0
    """Periventricular: within this distance of the ventricles; the rest is deep."""
    contact_mm: float = 3.0
    """A lesion that comes this near to the ventricles counts as touching them for the Fazekas grade."""
    fazekas_periventricular_mm: list[float] = [5.0, 10.0]
    """Radial width from which the periventricular grade is 2, and from which it is 3."""
    fazekas_deep_mm: list[float] = [10.0, 20.0]
    """Largest diameter from which the deep grade is 2, and above which it is 3."""


class MicrobleedSettings(Section):
    """Microbleeds on T2* or SWI."""

    diameter_mm_min: float = 2.0
    """Smallest diameter (of the ball of the same volume)."""
    diameter_mm_max: float = 10.0
    """Largest diameter."""
    contrast_min: float = 0.5
    """Least depth below the surroundings, as a share of their level."""
    elongation_max: float = 2.5
    """Largest ratio of the longest to the middle axis: longer spots are vessels."""
    compactness_min: float = 0.6
    """Least volume as a share of that of the ball that holds it: branched or bent spots are vessels."""
    background_mm: float = 10.0
    """Sigma of the Gaussian mean that is the surroundings' level."""
    surface_mm: float = 3.0
    """Nothing is looked for nearer than this to the surface of the brain."""
    void_margin_mm: float = 4.0
    """Nothing is looked for nearer than this to a wide signal void (air and bone at the skull base)."""
    calcium_hu_min: float = 90.0
    """A spot whose 90th percentile on the registered CT reaches this is calcium (blood that old is below)."""
    calcium_radius_mm_min: float = 1.5
    """Least radius of the ball in which the CT is looked up."""
    review_count: int = 50
    """More spots than this are marked for review."""


class LacuneSettings(Section):
    """Lacunes on FLAIR and T1w. Levels are 0 at CSF and 1 at white matter."""

    bias_voxel_mm: float = 8.0
    """Voxel size of the copy on which shading is estimated (N4)."""
    bias_iterations: int = 20
    """Iterations of N4 at each of its three levels."""
    diameter_mm_min: float = 3.0
    """Smallest diameter (of the ball of the same volume); smaller ones are perivascular spaces."""
    diameter_mm_max: float = 15.0
    """Largest diameter."""
    t1w_level_max: float = 0.5
    """Highest level on T1w at the middle of a lacune."""
    flair_level_max: float = 0.85
    """Highest level on FLAIR of the darkest tenth (thick slices mix it with tissue); with a bright rim, 1."""
    elongation_max: float = 2.0
    """Largest ratio of the longest to the middle axis: longer spots are perivascular spaces."""
    surface_mm: float = 6.0
    """Nothing is looked for nearer than this to the surface of the brain."""
    ventricle_margin_mm: float = 3.0
    """Least distance from the ventricles."""
    review_count: int = 20
    """More spots than this are marked for review."""


class VesselWallSettings(Section):
    """Plaque metrics from the readers' contours."""

    thickness_method: Literal["laplace", "centre_ray", "closest_point"] = "laplace"
    """Wall thickness behind max_wall_mm, min_wall_mm, eccentricity and plaque length; the others stand beside it."""
    section_step_mm: float = 0.5
    """Distance between cross-sections along the vessel."""
    narrowest_window_mm: float = 1.0
    """Lumen areas are averaged over this length before the narrowest cross-section is chosen."""
    eccentric_index_min: float = 0.5
    """A plaque is eccentric from this eccentricity index, (MaxWT - MinWT) / MaxWT."""
    positive_remodeling_min: float = 1.05
    """Remodelling is positive from this ratio of the outer-wall areas, narrowest / reference."""
    plaque_wall_mm_min: float = 1.0
    """Wall thickness that counts as plaque along the vessel (plaque length and volume)."""
    same_lesion_mm_max: float = 5.0
    """Drawings of two readers whose centres lie within this distance are one lesion."""
    consensus_percent_max: float = 20.0
    """Readers whose lumen area, outer-wall area or largest thickness differ by more settle it together: review."""
    artery_reach_mm: float = 5.0
    """A lesion takes the name of an artery of the artery map within this distance."""
    calcium_margin_mm: float = 1.0
    """Calcium up to this far outside the outer wall belongs to the plaque (registration, blooming)."""
    calcium_lesion_voxels_min: int = 2
    """A calcified lesion of the CT is counted in a plaque from this many of its voxels on."""
    calcified_percent_min: float = 50.0
    """Share of calcium from which a plaque is calcified; below it, partially calcified."""
    culprit_stenosis_percent_min: float | None = 50.0
    """A lesion of less stenosis takes no part in the choice of the culprit; null: no such limit."""
    ct_mri_days_max: float | None = 28.0
    """Nor does a lesion whose CT and MRI lie more days apart; null: no such limit."""
    normal_wall_tolerance: float = 0.1
    """A wall that enhances at most this share more than the reference wall has enhancement grade 0."""
    trace_wall: bool = False
    """Trace the wall between a reader's points (`*_desc-vessel_points.csv`), offered as one more reader, "tool"."""
    trace_step_mm: float = 0.4
    """Distance between the cross-sections in which the wall is traced."""
    trace_psf_voxels: list[float] = [0.3, 0.4, 0.5]
    """Blurs of the image (sigma of a Gaussian, voxels) to choose from when the wall is traced: that which fits best."""
    seed: int = 20170
    """Seed of the voxel sampling when the post-contrast image is aligned."""


class ChangeSettings(Section):
    """Change between two visits."""

    half_way_voxel_mm: float = 1.0
    """Voxel size of the half-way space."""
    motion_gap_mm_max: float = 1.5
    """The registrations from the first to the second visit and back must agree to this over the head."""
    difference_sd_min: float = 4.0
    """A voxel is lesion at one visit only if its evidence differs by this much (SDs of white matter)."""
    match_mm: float = 5.0
    """Microbleeds and lacunes of two visits at most this far apart are the same."""


class ReportSettings(Section):
    """The report."""

    title: str = "angiolith"
    """Title of the page."""
    embed_sessions_max: int = 60
    """Up to this many subject-sessions the pictures stand in the page itself; beyond, the page links to their files."""


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
    repeats: list[str] = []
    """Columns that measure the first visit, two or more; from them the smallest detectable change."""
    standard_error: float | None = None
    """Standard error of measurement, in the marker's unit, where it is known from elsewhere instead of `repeats`."""

    @model_validator(mode="after")
    def one_way(self) -> ChangeColumns:
        if len(self.repeats) == 1 or (self.repeats and self.standard_error is not None):
            raise ValueError("give two or more repeats, or the standard_error alone")
        if (self.baseline is None) != (self.followup is None) or (self.baseline is None) == (self.change is None):
            raise ValueError("give baseline and followup, or change alone")
        return self


class LongTable(Section):
    """A file with several rows per subject that are to stand beside each other."""

    names: list[str]
    """Columns that say what a row holds (measure, artery, visit, ...)."""
    values: list[str]
    """Columns that hold the values. A wide column is called `<names>`; of several, `<value>_<names>`, joined by `_`."""


class PowerSettings(Section):
    """Sample size of a follow-up study, from the change that this cohort shows."""

    alpha: float = 0.05
    """Two-sided level of significance."""
    power: float = 0.8
    """Power."""
    slowing_percent: list[float] = [25.0, 50.0]
    """By how much a treatment is to slow the mean change per year, in a trial of two equal arms."""
    dropout_percent: float = 0.0
    """Share of patients without a follow-up; the sizes are raised by it."""


CorrelationMethod = Literal["spearman", "pearson", "kendall", "jonckheere-terpstra"]


class Analysis(Section):
    """One analysis of the cohort: which rows, which columns, which questions. Empty questions make no table."""

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
    number_test: Literal["auto", "student", "welch", "rank"] = "auto"
    """Test of numbers across groups. student: t or ANOVA. auto: by normality, then by equality of variances."""
    count_test: Literal["auto", "chi-square", "fisher"] = "auto"
    """Test of counts across groups. auto: chi-square without continuity correction unless cells are sparse."""
    outcome: str | None = None
    """Column of the outcome of the regression models."""
    event: str | float = "1"
    """Value of the outcome that counts as the event."""
    regression: Literal["logistic", "linear"] = "logistic"
    """Model of the outcome: logistic for a yes/no outcome, linear for a number."""
    predictors: list[str] = []
    """Predictors, each tested alone and in every model."""
    models: dict[str, list[str]] = {}
    """Covariates by model; the name of an earlier model stands for its covariates."""
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
    agreement: dict[str, list[str]] = {}
    """Measure: the columns of its raters, two or more, that are compared."""

    @model_validator(mode="after")
    def complete(self) -> Analysis:
        if (self.predictors or self.models or self.formulas) and self.outcome is None:
            raise ValueError("predictors, models and formulas need an outcome")
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


class Config(Section):
    """The whole configuration."""

    bids_dir: str | None = None
    """BIDS folder with the images, indexed into manifest.tsv. Or give `manifest`; or only `analyses` over tables."""
    manifest: str | None = None
    """A manifest of your own (TSV; columns in config/README.md) instead of indexing a BIDS folder."""
    participants: str | None = None
    """participants.tsv; default: the one in `bids_dir`."""
    phenotype_dir: str | None = None
    """Folder with readers' ratings (*.tsv); default: `phenotype/` in `bids_dir`."""
    output_dir: str = "results"
    """Where everything is written."""
    subjects: list[str] | None = None
    """Only these subjects (labels without `sub-`); default: all."""
    check_images: CheckImagesSettings = CheckImagesSettings()
    registration: RegistrationSettings = RegistrationSettings()
    arteries: ArterySettings = ArterySettings()
    calcification: CalcificationSettings = CalcificationSettings()
    severity: SeveritySettings = SeveritySettings()
    wmh: WmhSettings = WmhSettings()
    microbleeds: MicrobleedSettings = MicrobleedSettings()
    lacunes: LacuneSettings = LacuneSettings()
    vessel_wall: VesselWallSettings = VesselWallSettings()
    change: ChangeSettings = ChangeSettings()
    report: ReportSettings = ReportSettings()
    printed_tables: dict[str, str] = {}
    """Printed tables (YAML; config/README.md) to be audited, by name."""
    analyses: dict[str, Analysis] = {}
    """Cohort analyses by name; the name begins the names of their tables."""

    @model_validator(mode="after")
    def one_source(self) -> Config:
        if self.bids_dir and self.manifest:
            raise ValueError("give bids_dir or manifest, not both")
        return self


def plain(model: BaseModel) -> dict[str, Any]:
    """A section as one dict of plain values: what a rule gets as its settings."""
    return model.model_dump(mode="json")


def validate(content: Mapping[str, Any], files: Sequence[str | Path] = ()) -> Config:
    """Check a merged configuration; `files` are those it was merged from, so that a message can name the right one.

    Raises ConfigError with one line per problem.
    """
    try:
        return Config.model_validate(dict(content))
    except ValidationError as error:
        lines = [_explain(problem, files) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _explain(problem: Any, files: Sequence[str | Path]) -> str:
    location = [part for part in problem["loc"] if not str(part).endswith("]")]
    key = ".".join(str(part) for part in location) or "configuration"
    where = _file_with(location, files)
    if problem["type"] != "extra_forbidden":
        return f"{where}: {key}: {problem['msg']} (given: {problem['input']!r:.80})"
    return f"{where}: {key}: unknown key; {nearest(str(location[-1]), known_keys(location[:-1]))}"


def known_keys(location: Sequence[Any]) -> list[str]:
    """The keys that the section at this place of the configuration may have."""
    section: Any = Config
    for part in location:
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            break
        if part in section.model_fields:
            section = _section_in(section.model_fields[part].annotation)
    return list(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []


def _section_in(annotation: Any) -> Any:
    """The section class within an annotation such as `dict[str, Analysis]` or `Section | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((section for section in found if section is not None), None)


def _file_with(location: Sequence[Any], files: Sequence[str | Path]) -> str:
    """The last file that holds this key (later files override earlier ones)."""
    for file in reversed(files):
        node: Any = yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {}
        try:
            for part in location:
                node = node[part]
        except (KeyError, TypeError, IndexError):
            continue
        return str(file)
    return str(files[-1]) if files else "configuration"
