"""What is known of posts beside their words and pixels."""

from dgf.workflows.audit.signals.base import NOTHING, Signal, TypePair, number_signal
from dgf.workflows.audit.signals.gather import LABELS, AuditSettings, Gathered, gather
from dgf.workflows.audit.signals.of_posts import type_signals, types_of_labels

__all__ = [
    "LABELS",
    "NOTHING",
    "AuditSettings",
    "Gathered",
    "Signal",
    "TypePair",
    "gather",
    "number_signal",
    "type_signals",
    "types_of_labels",
]
