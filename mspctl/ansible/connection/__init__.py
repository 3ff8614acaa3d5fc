"""Connection plugins."""
