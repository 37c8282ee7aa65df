"""Policies that learn by trying, and honest evaluation of what was not tried."""
