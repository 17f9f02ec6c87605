"""Frozen records of what a fit found."""
