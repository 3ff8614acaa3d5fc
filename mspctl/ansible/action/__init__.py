"""Plugins that do a task on the controller."""
