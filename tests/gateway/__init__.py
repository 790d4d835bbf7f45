"""Claims about the gateway."""
