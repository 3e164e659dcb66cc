"""What causes what inside a model."""
