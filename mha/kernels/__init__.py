"""Kernels written for the book, in Triton; each can be imported, but not called, where Triton is missing."""
