"""Is a mark calcium of its artery for sure, or a candidate that a reader decides on?

On a real skull base the line of an artery that comes from the atlas is off by millimetres, and bone is everywhere.
So a mark counts only where the image decides: it is free of bone, in soft tissue, beside an artery whose place is
known well enough; or the artery's place is confirmed by a mask, an angiogram or the lumen on MRI. The rest is a
candidate where it could be calcium, and left out where it could not.
"""

from __future__ import annotations

from dataclasses import dataclass

from angiolith.arteries.names import BESIDE_SMOOTH_BONE, FLUID_SDS
from angiolith.calcification.mirror import ONE_SIDED_MM3_MIN

FREE, PARTED, ATTACHED = "free", "parted", "attached"
# [mm] SD of a confirmed line: of a mask, an angiogram, or a lumen that was followed on MRI. Source: the smallest radius
# of a lumen at the skull base, 1.5 mm, is three times as much.
CONFIRMED_SD_MM = 0.5
# [mm] Free calcium counts up to this SD of the line; the atlas's own SD is 3 to 4 mm at siphon and vertebral artery.
# Source: one normal head CT of development, on which 3.0 mm counted a false mark.
FREE_SD_MM = 2.5
# [mm] A free mark is further from bone: a tip of clinoid or condyle whose stalk lies in the next slice is not free, nor
# is an ossified ligament of clinoids or dens. Source: physics, two and a half times the blur of a head CT (SD 0.5 mm)
# and a voxel; digital skull bases, where a clinoid's tip lies 1.6 mm from its bone.
BONE_GAP_MM = 2.0
# [mm] ... and beside the clivus, which has no processes. Source: physics, the blur twice and a voxel.
CLIVUS_GAP_MM = 1.5
# [mm] A mark that is attached to bone is a candidate up to this SD: beside a worse line all bone would be. Source:
# anatomy, the wall of a canal lies less than that from a lumen's wall.
ATTACHED_SD_MM = 1.5
# [mm3] Size of a candidate beside bone: smaller ones are its partial volume, larger ones are bone. Source: lower limit,
# the same normal head (2 mm3 gave more than five candidates); upper limit, clinoid processes have up to 200 mm3.
CANDIDATE_MM3 = (4.0, 200.0)
# [1] Level at which a mark parts from bone, as a fraction of its peak above tissue, at which it is no process of that
# bone. Source: physics, two equal peaks one and a half FWHM of the blur apart leave 0.4 of their peak between them;
# implants in one head of development, where no bone of either head parts below 0.48.
DEEP_VALLEY_FRACTION = 0.4
# [mm3] ... and it may then be this large. Source: the largest that `marks.parted_marks` looks for.
DEEP_VALLEY_MM3_MAX = 300.0
# [mm3] ... or this large where it holds something one-sided. Source: a plaque of 300 mm3 and a rim of bone.
ONE_SIDED_LARGEST_MM3 = 400.0
# [SD] Peak above tissue that no noise reaches. Source: statistics, 1e5 voxels lie about the arteries.
PEAK_SDS_MIN = 6.0
# [1] Fractions of air around a mark: a sure one has soft tissue around it; a candidate may lie on the thin wall of the
# sphenoid sinus, which has air behind it; a septum has air on both sides. Source: the same normal head, on which 0.3
# let more than five candidates pass.
SURE_AIR_MAX, CANDIDATE_AIR_MAX = 0.1, 0.2
# Beside anterior and posterior cerebral artery lie the free edges of falx and tentorium, the clinoids and their
# ligaments, which ossify; calcium of these arteries is rare. Only a confirmed artery counts there.
BESIDE_LIGAMENTS = ("ACA", "PCA")
# The siphon runs along bone and most of its calcium touches it. In the petrous canal, walls and septa look the same.
IN_BONE, CANAL = ("ICA",), "petrous"
# Basilar and vertebral arteries (BESIDE_SMOOTH_BONE) run in fluid, in which nothing else calcifies. Beside them, a
# ridge of clivus, tubercle or condyle parts from bone by a notch in its outline, not as the threshold rises.


@dataclass(frozen=True)
class Evidence:
    """What the image says of one mark.

    artery, side, segment: whose it is; bone: free, parted (a valley lies between) or attached; bone_gap_mm: to the
    nearest bone, 0 where it is not free; valley_share: level at which it parts from bone as the threshold rises, as a
    fraction of its peak above tissue, 0 where it is free and 1 where it never parts; outside_lumen_mm: median distance
    of its voxels outside the lumen, negative within; line_sd_mm: standard deviation of the line beside it; air_share:
    of the voxels around it; peak_sds: peak above tissue in standard deviations of the noise; volume_mm3; image_ends:
    the image ends beside it; has_twin: something dense lies at its place on the other side; is_alone: one side alone
    has it, in the artery's wall; one_sided_mm3: volume of what one side alone has of it; may_be_alone: one side alone
    has it, and it may be in the artery's wall; is_noisy: the kernel is sharp or the noise high.
    """

    artery: str
    segment: str
    bone: str
    bone_gap_mm: float
    valley_share: float
    outside_lumen_mm: float
    line_sd_mm: float
    air_share: float
    peak_sds: float
    volume_mm3: float
    side: str = ""
    image_ends: bool = False
    has_twin: bool = False
    is_alone: bool = False
    one_sided_mm3: float = 0.0
    may_be_alone: bool = False
    is_noisy: bool = False

    @property
    def in_fluid(self) -> bool:
        """Of an artery that runs in fluid."""
        return self.artery in BESIDE_SMOOTH_BONE

    @property
    def is_deep(self) -> bool:
        """A deep valley parts it from bone."""
        return self.bone == PARTED and self.valley_share <= DEEP_VALLEY_FRACTION


def doubts_of(evidence: Evidence, wall_margin_mm: float) -> list[str]:
    """Why the mark is not sure; empty where it is.

    Parameters
    ----------
    evidence : Evidence
        What the image shows of the mark.
    wall_margin_mm : float
        Reach of calcium beyond the lumen, mm.

    Returns
    -------
    list[str]
        Reasons.
    """
    noise = ["its peak is within the noise"] if evidence.peak_sds < PEAK_SDS_MIN else []
    if evidence.line_sd_mm <= CONFIRMED_SD_MM:
        return noise
    off_mm = evidence.outside_lumen_mm - wall_margin_mm
    gap_mm = CLIVUS_GAP_MM if evidence.artery == "BA" else BONE_GAP_MM
    reach_mm = evidence.line_sd_mm * (FLUID_SDS if evidence.in_fluid else 1.0)
    return noise + [
        reason
        for holds, reason in (
            (evidence.bone == ATTACHED and not evidence.is_alone, "continuous with bone"),
            (
                evidence.bone == PARTED and not (evidence.in_fluid and evidence.is_deep) and not evidence.is_alone,
                "parted from bone only by a valley",
            ),
            (evidence.bone == FREE and evidence.bone_gap_mm < gap_mm, "bone lies beside it or in the next slice"),
            (
                evidence.is_noisy and evidence.bone == FREE and evidence.volume_mm3 < CANDIDATE_MM3[0],
                "small, and a sharp kernel's noise and overshoot look like it",
            ),
            (evidence.air_share > SURE_AIR_MAX, "air lies beside it"),
            (
                evidence.has_twin and evidence.bone == FREE and evidence.artery in IN_BONE,
                "something as dense lies at its place on the other side: clinoid processes are a pair",
            ),
            (evidence.image_ends, "the image ends beside it: bone may follow"),
            (evidence.artery in BESIDE_LIGAMENTS, "ligaments and dura beside this artery ossify"),
            (
                evidence.line_sd_mm > FREE_SD_MM and not (evidence.in_fluid or evidence.is_alone),
                f"the artery's place is known to {evidence.line_sd_mm:.1f} mm (SD) only",
            ),
            (off_mm > reach_mm and not evidence.is_alone, "further from the artery's line than its uncertainty"),
        )
        if holds
    ]


def is_plausible(evidence: Evidence, wall_margin_mm: float) -> bool:
    """Whether a mark that is not sure could be calcium: what could not is left out.

    Parameters
    ----------
    evidence : Evidence
        What the image shows of the mark.
    wall_margin_mm : float
        Reach of calcium beyond the lumen, mm.

    Returns
    -------
    bool
        True where it could be calcium.
    """
    if evidence.line_sd_mm <= CONFIRMED_SD_MM:
        return True
    if evidence.air_share > CANDIDATE_AIR_MAX:
        return False
    if evidence.bone == FREE:
        return not (evidence.artery in BESIDE_LIGAMENTS and evidence.has_twin)
    if evidence.is_alone or evidence.may_be_alone:
        return True
    largest_mm3 = DEEP_VALLEY_MM3_MAX if evidence.is_deep else CANDIDATE_MM3[1]
    if evidence.one_sided_mm3 >= ONE_SIDED_MM3_MIN:
        largest_mm3 = ONE_SIDED_LARGEST_MM3
    if evidence.artery in BESIDE_LIGAMENTS or not CANDIDATE_MM3[0] <= evidence.volume_mm3 <= largest_mm3:
        return False
    if evidence.bone == PARTED:
        in_wall = evidence.outside_lumen_mm <= wall_margin_mm
        return evidence.valley_share < 1 or (in_wall and evidence.segment != CANAL)
    siphon = evidence.artery in IN_BONE and evidence.segment != CANAL
    return siphon or evidence.line_sd_mm <= ATTACHED_SD_MM
