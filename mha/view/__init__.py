"""What the eye gets: figures in the book's style and the interactive explorer."""
