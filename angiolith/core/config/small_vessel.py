"""Small vessels: white matter hyperintensities, microbleeds, lacunes and their change."""

from __future__ import annotations

from angiolith.core.config.section import Section


class WmhSettings(Section):
    """White matter hyperintensities on FLAIR. SDs are those of normal-appearing white matter."""

    bias_voxel_mm: float = 6.0
    """Voxel size of the copy on which shading is estimated (N4)."""
    bias_iterations: int = 20
    """Iterations of N4 at each of its three levels."""
    smooth_mm: float = 0.8
    """Gaussian smoothing (sigma) along axes finer than 2 mm before grey values are judged."""
    seed_probability: float = 0.7
    """A voxel of this learned probability is a seed of a lesion."""
    seed_mm3_min: float = 5.0
    """Seeds are connected pieces of at least this volume."""
    seed_height_share: float = 0.55
    """Least share of the height of the scan's lesions (median evidence of the seeds) that a seed reaches."""
    grow_probability: float = 0.25
    """Least learned probability into which a lesion grows."""
    grow_height_share: float = 0.5
    """Least share of that height into which a lesion grows."""
    edge_height_share: float = 0.45
    """A lesion ends where its evidence falls below this share of its height around."""
    bright_above_gm_sd: float = 3.0
    """What lies this far above grey matter's level, in SDs of grey matter, is bright by itself (infarcts, change)."""
    bright_sd_min: float = 3.5
    """It must also lie this far above white matter's level."""
    lesion_mm3_min: float = 5.0
    """Smaller lesions are dropped."""
    wm_prior_min: float = 0.25
    """Least probability of white matter, by the template, where hyperintensities are looked for."""
    near_ventricle_mm: float = 6.0
    """Within this of the ventricles 0.4 of that probability is enough."""
    surface_mm: float = 2.0
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


class WmhToolSettings(Section):
    """Another tool that segments WMH in place of the built-in method; a mask of the user's goes before both."""

    command: str | None = None
    """Command line, e.g. `docker run --rm -v {folder}:{folder} IMAGE --flair {FLAIR} --output {mask}`. Put in are
    {FLAIR}, {T1w}, {mask} (NIfTI to be written on the FLAIR's grid) and {folder} (scratch that holds them all)."""
    version: str | None = None
    """The tool's version (or the container's digest), recorded beside every mask it made."""
    weights: str | None = None
    """File of the tool's weights; its SHA-256 is recorded beside every mask, and a change of it makes masks anew."""
    threshold: float = 0.5
    """Voxels of the tool's mask or probability map above this are WMH."""


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
    tissue_share_min: float = 0.5
    """A spot where the template's share of grey and white matter is less is choroid plexus, falx or pineal."""
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
    tissue_around_min: float = 0.5
    """Least share of white matter, deep grey matter or hyperintensity 1 to 3 mm around: sulci end among cortex."""
    surface_mm: float = 6.0
    """Nothing is looked for nearer than this to the surface of the brain."""
    ventricle_margin_mm: float = 3.0
    """Least distance from the ventricles."""
    review_count: int = 20
    """More spots than this are marked for review."""


class ChangeSettings(Section):
    """Change between two visits."""

    half_way_voxel_mm: float = 1.0
    """Voxel size of the half-way space; coarser where the finer visit's voxels are larger (a cube of their volume)."""
    motion_gap_mm_max: float = 1.5
    """The registrations from the first to the second visit and back must agree to this over the head."""
    difference_sd_min: float = 4.0
    """A voxel is lesion at one visit only if its evidence differs by this much (SDs of white matter)."""
    match_mm: float = 5.0
    """Microbleeds and lacunes of two visits at most this far apart are the same."""
