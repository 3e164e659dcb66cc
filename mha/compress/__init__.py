"""Make a trained model cheaper: another that learns from it, fewer heads, narrower numbers, shared weights."""
