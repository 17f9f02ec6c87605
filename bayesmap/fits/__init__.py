"""Bounded, checked reading and writing of FITS."""
