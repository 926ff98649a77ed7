"""Marks that a reader decides on: their kinds, the table of decisions, and what a decision makes of a mark."""
