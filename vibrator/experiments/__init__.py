"""Try, measure, learn, challenge."""
