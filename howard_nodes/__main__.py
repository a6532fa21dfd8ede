"""`python -m howard_nodes`: the command `howard`, of this very Python."""

from howard_nodes.cli import run

run()
