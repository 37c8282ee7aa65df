"""Where actions, profiles, vectors, items and decisions are kept."""
