"""Onboard a client of a managed service provider, and prove it."""

__version__ = "0.1.0"
