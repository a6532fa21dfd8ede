# SPDX-License-Identifier: GPL-3.0-or-later
"""For type checkers: the zip has a copy of howard_nodes/client.py in this place."""

from howard_nodes.client import CANCELLED as CANCELLED
from howard_nodes.client import GONE as GONE
from howard_nodes.client import NOT_STARTED as NOT_STARTED
from howard_nodes.client import Request as Request
from howard_nodes.client import Worker as Worker
from howard_nodes.client import WorkerError as WorkerError
from howard_nodes.client import command_words as command_words
from howard_nodes.client import start as start
from howard_nodes.client import usual_places as usual_places
