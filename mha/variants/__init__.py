"""Attention that does not hold the matrix of all weights: the same function in tiles, or another that costs less."""
