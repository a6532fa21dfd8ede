"""`howard doctor` where the command line itself cannot be loaded: `python -m howard_nodes.doctor`."""

from __future__ import annotations

import sys

from howard_nodes.doctor.examination import examine, printed
from howard_nodes.system.machine import speak_utf8

if __name__ == "__main__":
    speak_utf8()
    examination = examine()
    print("\n".join(printed(examination)))
    sys.exit(1 if examination.problems else 0)
