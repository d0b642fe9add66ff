"""Whether printed figures can come from one confusion matrix."""

from dgf.workflows.audit.claims.feasibility import Feasibility, check_claims
from dgf.workflows.audit.claims.figures import MNRE_TEST, Matrix, Printed, SplitCounts
from dgf.workflows.audit.claims.lines import claim_lines

__all__ = ["MNRE_TEST", "Feasibility", "Matrix", "Printed", "SplitCounts", "check_claims", "claim_lines"]
