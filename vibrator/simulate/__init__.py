"""Rehearsal on simulated people."""
