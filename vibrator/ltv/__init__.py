"""Lifetime value: who buys, how much, by which day, with horizons in order by construction."""
