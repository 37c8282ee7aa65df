"""From scores to probabilities one may bet on."""
