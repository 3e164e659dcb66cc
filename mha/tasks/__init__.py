"""Data with a known truth, and real data that needs no network."""
