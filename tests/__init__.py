"""What shows that all of it is true. A package, since a wheel that brings a folder `tests` would stand before it."""
