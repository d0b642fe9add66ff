"""What several tests are built from."""

import os
from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
"""Of processes that import these modules, or compute beside others."""
