"""What the page on which one types shows before it computes: pictures, ready examples, tasks with their answers."""
