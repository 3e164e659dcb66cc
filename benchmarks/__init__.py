"""Measurements beside what a user would pick instead, and their stored results."""
