"""What a computation takes: its time, its memory, its operations and bytes, and what the machine can do."""
