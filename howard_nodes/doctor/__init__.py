"""What an artist sends with a question: what is installed, what it found, and whether it computes right.

It runs where little else does. `surroundings` needs the standard library alone; `inside` loads the rest, in a
process of its own that may die of it; `examination` has both done, and `python -m howard_nodes.doctor` does
without the command line's libraries.
"""
