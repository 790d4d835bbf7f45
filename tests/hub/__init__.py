"""Claims about the hub."""
