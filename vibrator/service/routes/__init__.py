"""The API, a router an area."""
