"""NUTS implementations, one file each; `base.BACKENDS` lists them."""
