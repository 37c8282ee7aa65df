"""Lifetime value: buyers, revenue, horizons in order."""
