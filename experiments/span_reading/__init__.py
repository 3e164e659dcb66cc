"""Small readers of passages made of facts: how they are trained, how they read, how often they are right."""
