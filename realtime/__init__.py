"""Tideboard: a real-time dashboard over collections of documents, people and the system."""

__version__ = "0.1.0"
