"""What builds, runs and guards the book. The book itself needs none of it."""
