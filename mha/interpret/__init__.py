"""What causes what inside a model, and what an output is said to depend on."""
