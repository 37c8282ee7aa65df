"""Statistics that the floors above share: each file one family."""
