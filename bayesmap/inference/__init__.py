"""The verbs: optimize, covariance."""
