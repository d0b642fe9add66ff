"""Posts: read from any layout, checked, one value a row."""
