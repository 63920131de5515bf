"""From the artifacts of single networks and tiles to the tidy tables of a study."""
