"""What several tests are built from."""

import os
from pathlib import Path

TESTS = str(Path(__file__).parents[1])
PATHS = os.pathsep.join(filter(None, (TESTS, os.environ.get("PYTHONPATH"))))
ENVIRONMENT = {**os.environ, "PYTHONPATH": PATHS, "OMP_NUM_THREADS": "1"}
"""Of processes that import these modules, or compute beside others."""
