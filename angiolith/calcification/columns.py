"""Columns of the calcification tables, in order, with their meaning."""

from __future__ import annotations

from angiolith.marks.found import OF_CALCIUM

WHO = {"subject": "label without sub-", "session": "label without ses-"}
WHERE = {"artery": "ICA, MCA, ACA, PCA, BA or VA", "side": "L, R or M (midline)"}
STATUS = {"status": "ok, review, failed or missing", "reason": "why not ok, or why a person should look"}
CANDIDATES = {
    "n_candidates": "number of candidates that wait for a reader",
    "candidate_volume_mm3": "their volume; in no sum",
    "severity_at_least": "true where candidates, a missing thickness or an unconfirmed carotid could raise it",
    "severity_group_max": "severity group if every candidate were calcium, and what is not known as large as can be",
}
COUNT = {"count_rule": "marks that are counted: sure, confirmed or all (setting calcification.count)"}

LESIONS = {
    **WHO,
    "lesion": "its number in the label map",
    **WHERE,
    "volume_mm3": "voxels at the threshold x voxel volume",
    "mean_hu": "mean HU of the mask",
    "max_hu": "highest HU",
    "agatston_equivalent": "Agatston score scaled by slice step / 3 mm",
    "length_mm": "extent along the centreline at half maximum",
    "arc_deg": "largest arc over the cross-sections at half maximum, 360 minus the largest gap, freed of the scanner's "
    "blur; missing where the blur alone would show as much",
    "thickness_mm": "radial thickness, freed of the scanner's blur; missing where the blur alone would show as much",
    "kockelkoren_score": "circularity + thickness + morphology, 1 to 11; missing where arc or thickness is",
    "pattern": "intimal or iel (mainly in the internal elastic lamina); missing where the score is",
    "spotty": "short and narrow (under 3 mm and 90 degrees by default); missing where the arc is",
    "touches_bone": "lies beside bone; where one ends and the other begins is uncertain",
    **STATUS,
    "counted": "true: it enters every sum and grade",
    "certainty": "sure, or candidate: calcium or bone, the image does not decide; waits for a reader",
    "decided_by": "tool, or the reader's initials",
    "mark": "its name in tables of decisions: number, and a digest of its voxels",
    **dict.fromkeys(OF_CALCIUM, "as the tool found it, before any reader; missing for a mark that a reader added"),
    "segment": "segment of the artery, where the centreline names it",
    "x_mm": "centre, RAS mm in the CT's space",
    "y_mm": "centre, RAS mm in the CT's space",
    "z_mm": "centre, RAS mm in the CT's space",
    "median_hu": "median HU of the mask",
    "p10_hu": "10th percentile of HU",
    "p90_hu": "90th percentile of HU",
    "volume_half_max_mm3": "volume above half maximum, which blooms less than that above the threshold",
    "half_max_hu": "the level at half maximum",
    "thickness_fwhm_mm": "radial width at half maximum, the blur included",
    "arc_at_hu_min_deg": "the arc at the threshold instead of half maximum",
    "arc_coverage": "calcified fraction of the arc",
    "filled_share": "calcified fraction of the lesion's angles and length",
    "arc_reliable": "false where calcium covers the lumen's centre, or the lumen is too small for the voxels",
    "thickness_uncertain": "true within half a voxel of the limit between thin and thick; missing where thickness is",
    "bone": "free of bone, parted from it by a valley, or attached to it",
    "bone_gap_mm": "distance to the nearest bone; 0 where it is not free, missing where no bone is near",
    "valley_share": "level at which it parts from bone, as a fraction of its peak above tissue; 0 where it is free, 1 "
    "where it does not",
    "outside_lumen_mm": "median distance of its voxels outside the lumen, negative within",
    "line_sd_mm": "standard deviation of the artery's line beside it",
    "air_share": "fraction of air among the voxels around it",
    "peak_sds": "peak above tissue, in standard deviations of the noise",
    "image_ends": "true where the image ends beside it, so that bone may follow",
    "has_twin": "true where something dense lies at its place mirrored to the other side",
    "is_alone": "true where it lies in its artery's wall and the other side of the skull base has nothing as dense",
    "one_sided_mm3": "volume of its voxels with nothing half as dense at their place mirrored to the other side; 0 "
    "where the sides were not compared",
    "may_be_alone": "true where it is a mark only because one side alone has it, at the artery",
    "is_noisy": "true where the kernel is a sharp one or the noise exceeds 15 HU (SD): small marks are not sure",
    "bone_contact_share": "fraction of the lesion's voxels that lie beside bone",
    "radius_voxels": "radius of the lumen in voxels of the cross-section",
    "VoxelVolume": "PyRadiomics, mm3",
    "MeshVolume": "PyRadiomics, mm3",
    "SurfaceArea": "PyRadiomics, mm2",
    "Sphericity": "PyRadiomics",
    "Maximum3DDiameter": "PyRadiomics, mm",
}

ARTERIES = {
    **WHO,
    **WHERE,
    "n_lesions": "number of counted lesions",
    "volume_mm3": "sum over counted lesions; 0 is a measured zero",
    "mean_hu": "mean HU over all calcified voxels; missing without calcium",
    "agatston_equivalent": "sum over lesions",
    "woodcock": "Woodcock-like grade 0 to 3; missing where a lesion's thickness is that could change it",
    **STATUS,
    "max_hu": "highest HU",
    "volume_half_max_mm3": "sum over lesions",
    "pattern": "absent, or that of the larger volume: intimal or iel; missing where a lesion without could change it",
    "severity_group": "none_or_mild, moderate or severe; missing where a missing grade could change it",
    **CANDIDATES,
    "covered_share": "fraction of the artery's centreline within the CT's field of view",
    "artery_source": "user (mask), tool, angio or atlas",
}

PATIENTS = {
    **WHO,
    "severity_group": "that of the worst artery; missing where an artery without one could be the worst",
    "severity_grade": "highest Woodcock-like grade; missing where an artery's is and no other has grade 3",
    "worst_artery": "the artery of the gravest group, then of the larger volume; empty without calcium or group",
    "total_volume_mm3": "sum over arteries",
    "agatston_equivalent": "sum over arteries",
    "n_lesions": "sum over arteries",
    **STATUS,
    **CANDIDATES,
    **COUNT,
}
