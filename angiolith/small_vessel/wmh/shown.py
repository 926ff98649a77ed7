"""What the WMH network is shown, shared by its fit and its use."""

from __future__ import annotations

# [mm] Pixels of the slices that the network sees. Source: definition (the WMH network was fitted with it).
PLANE_MM = 1.0
# [mm] A slice is shown beside those this far below and above it, or beside the next ones if thicker. Source: definition
# (the WMH network was fitted with it).
NEIGHBOUR_MM = 3.0
# [contrast of white matter to fluid] Grey value outside the brain, a little below that of fluid. Source: definition
# (the WMH network was fitted with it).
OUTSIDE = -1.2
# [contrast of white matter to fluid] Grey values beyond are cut. Source: definition (the WMH network was fitted with
# it).
RANGE = (-1.5, 2.5)
# [mm] Distances beyond are cut. Source: definition (the WMH network was fitted with it).
FAR_MM = 30.0
MAPS = ("from_ventricles", "depth", "white", "grey", "infratentorial")
OTHERS = ("T1w", "T2w")
# [contrast of white matter to fluid] Grey values of the other images beyond are cut; white matter is 0, as is what is
# not there. Source: definition (the WMH network was fitted with it).
OTHERS_RANGE = (-1.5, 1.5)
CHANNELS = ("flair", "below", "above", *MAPS, *OTHERS)
