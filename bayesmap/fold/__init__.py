"""From the sky to counts: a slow reference in NumPy, and the fast graph in PyTensor."""
