"""The HTTP service and its console."""
