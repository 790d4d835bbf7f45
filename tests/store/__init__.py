"""Tests of the store: what readers get, what it costs, what is bounded."""
