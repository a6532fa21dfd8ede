"""The worker: a process that keeps the network warm, and that hosts talk to over its stdin and stdout.

`docs/worker-protocol.md` is what a host needs to know. Two processes: the supervisor (`supervisor`) reads
requests and answers at once; it imports neither torch nor numpy. The compute process (`compute`) does the
work, and may die of it: the supervisor starts another.
"""
