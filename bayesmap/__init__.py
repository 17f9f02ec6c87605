"""Bayesian 3-D analysis of gamma-ray sky maps."""
