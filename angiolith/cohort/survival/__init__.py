"""Outcomes over time: curves, risks, hazards."""
