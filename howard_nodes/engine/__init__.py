"""One frame, on arrays: its stages, what of them to compute again, and what is kept warm for that."""
