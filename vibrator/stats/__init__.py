"""Statistics that the floors above share: a file a family, results that print as rows."""
