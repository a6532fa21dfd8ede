"""Training of weights: the loop, its losses, and what learns from one shot alone."""
