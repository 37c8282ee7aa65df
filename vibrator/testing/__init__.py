"""Contract suites for every port, for our adapters and yours."""
