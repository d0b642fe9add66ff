"""A fuzzer over every reader of files from users: seeds, mutators, targets, and the processes that run the cases."""

Files = dict[str, bytes | None]
"""Content by path below the folder of a case; None makes a folder of that name."""
