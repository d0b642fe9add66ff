"""Photos: found inside their folder, decoded safely, drawn."""
