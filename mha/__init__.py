"""The package behind "Multi-Head Attention, Measured": every part readable, tested against an oracle, and fast."""
