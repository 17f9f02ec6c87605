"""The fold's own linear Ops: each has its adjoint as pullback, and a JAX and a numba implementation."""
