"""Models made of the package's blocks."""
