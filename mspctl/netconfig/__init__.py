"""Network devices: their configuration backed up, judged by rules, brought to the baseline.

Everything here but `session` and what stands on it (`devices`, `push`) is pure.
"""
