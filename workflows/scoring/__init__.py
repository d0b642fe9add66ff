"""Predictions, figures and reports."""
