"""Small valid files to begin from, built by code."""
