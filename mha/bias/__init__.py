"""Bias: association tests on embeddings, with the published word lists and the controls they need."""
