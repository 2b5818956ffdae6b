"""Judges of course 1, scoping."""
