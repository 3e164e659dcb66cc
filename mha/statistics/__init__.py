"""What repetition says: intervals for a mean, a median, a difference; the bootstrap; permutation tests; many tests."""
