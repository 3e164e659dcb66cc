"""Three small tasks on real data, in one shape, and one small reader for all of them; tables train it in many ways."""
