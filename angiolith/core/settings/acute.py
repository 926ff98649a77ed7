"""Acute infarcts on diffusion-weighted images."""

from __future__ import annotations

from angiolith.core.settings.section import Section, StepSettings


class AcuteDetectSettings(StepSettings):
    """What is an acute lesion: bright on DWI, with a low ADC.

    Source: generated images.
    """

    KEY = "acute.detect"
    b_s_mm2_min: float = 800.0
    """Images of a lower b-value are not used as DWI.

    [s/mm2] Source: choice; clinical DWI has 1000."""
    adc_max_mm2_s: float = 0.00062
    """Highest ADC of a lesion. That of an infarct returns to normal in the second week (Lansberg 2001).

    [mm2/s] Source: Gosch 2023 (doi 10.3389/fneur.2023.1203241), abstract; alone it had a median Dice of 0.43."""
    adc_min_mm2_s: float = 0.0002
    """A lower ADC is noise or lost signal.

    [mm2/s] Source: the range of Skattor 2025, abstract."""
    dwi_sd_min: float = 3.0
    """A lesion is so many SD (of the median absolute deviation) brighter on DWI than the tissue of both sides."""
    volume_mm3_min: float = 25.0
    """Smaller lesions are dropped."""
    thin_voxel_mm: float = 3.0
    """Along axes whose voxels are shorter than this, a lesion is two voxels across at least."""
    symmetric_fraction_min: float = 0.5
    """A lesion of which a larger fraction is as bright at the mirrored place is no sure one."""
    skull_base_fraction_min: float = 0.5
    """A lesion of which a larger fraction lies at the brain's surface near air of the skull base is left out."""


class AcuteClassifySettings(StepSettings):
    """Recent small subcortical infarct, or another.

    Source: STRIVE-2 (Duering 2023).
    """

    KEY = "acute.classify"
    axial_mm_max: float = 20.0
    """Largest diameter in an axial slice of a recent small subcortical infarct."""
    perforator_fraction_min: float = 0.8
    """It lies with at least this fraction in white matter, deep grey matter or brainstem.

    Source: choice."""
    cortex_fraction_min: float = 0.3
    """With a larger fraction in the cortex a lesion is territorial or cortical.

    Source: choice."""


class AcuteSettings(Section):
    """Acute infarcts on diffusion-weighted images, in sessions that have them."""

    detect: AcuteDetectSettings = AcuteDetectSettings()
    classify: AcuteClassifySettings = AcuteClassifySettings()
