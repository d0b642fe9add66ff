"""What the command that makes a part again has in common with the others'."""

import argparse
import logging
from collections.abc import Callable
from pathlib import Path


def rebuild(what: str, train: Callable[[Path], None]) -> None:
    """Read the folder that a part goes to from the command line, and train it, its progress on stderr.

    Args:
        what: The part, as the help calls it.
        train: Trains and writes it.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=f"Train the demo's {what}.")
    parser.add_argument("out", type=Path, help="folder for its weights and what is read with them")
    train(parser.parse_args().out)
