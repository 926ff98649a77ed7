"""What the WMH network is shown, shared by its fit and its use."""

from __future__ import annotations

PLANE_MM = 1.0  # pixels of the slices that the network sees
NEIGHBOUR_MM = 3.0  # a slice is shown beside those this far below and above it, or beside the next ones if thicker
OUTSIDE = -1.2  # grey value outside the brain, a little below that of fluid
RANGE = (-1.5, 2.5)  # grey values beyond are cut
FAR_MM = 30.0  # distances beyond are cut
MAPS = ("from_ventricles", "depth", "white", "grey", "infratentorial")
CHANNELS = ("flair", "below", "above", *MAPS)
