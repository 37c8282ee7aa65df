"""The console: pages rendered here, pictures drawn here, nothing fetched from elsewhere."""
