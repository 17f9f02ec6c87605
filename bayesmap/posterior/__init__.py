"""The log-posterior: coordinates, likelihood, and the functions compiled from them."""
