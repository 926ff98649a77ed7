"""The shape of the two brain networks, shared by their fit and their export."""

from __future__ import annotations

CLASSES = 7  # angiolith.brain.network.CLASSES
EDGE = 64  # voxels of what a network sees at once
WIDTHS = {"whole": (16, 32, 48, 80, 80), "part": (16, 32, 48, 64)}  # channels at each level, the finest first
INPUTS = {"whole": 1, "part": 1 + CLASSES}
NORM_EPSILON = 1e-3
SLOPE = 0.1  # of the activation below zero
