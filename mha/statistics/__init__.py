"""What repetition says: intervals for a mean, a median, a difference; permutation tests; corrections for many tests."""
