"""What only the book's pages use: claims and verdicts, checks of the exercises, predictions, drawings, tables."""
