"""Calcification of the arteries on CT: found on the native grid, measured, scored."""
