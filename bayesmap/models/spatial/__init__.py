"""Spatial models: how the flux of a source is spread over the sky."""
