"""Tests of the client: the pure machines walked whole, the thread against scripted and real gateways."""
