"""Optimisers, covariances and intervals of other packages, one file each; `registry` lists them."""
