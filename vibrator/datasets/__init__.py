"""Checked readers that yield the nouns."""
