"""Howard as it will be when the protocol is changed: its own worker, which speaks version 2."""

from __future__ import annotations

from howard_nodes.cli import main
from howard_nodes.worker import supervisor

supervisor.PROTOCOL = 2
main()
