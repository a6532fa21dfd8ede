"""A job on files: what it is made of, how it runs, what it writes."""
