"""Widgets of single lessons; shown in a learner's copy alone, each with a plain-code path for batches."""
