"""Training and evaluation of the default weights, from samples this package draws itself."""
