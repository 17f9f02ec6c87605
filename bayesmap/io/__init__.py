"""Whole-file formats: data sets and models, in and out."""
