"""Is it any good? Splits, measures, peers and the report."""
