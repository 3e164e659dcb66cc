"""What only the book's pages use: the claims and their verdicts, and the checks of the exercises."""
