"""Measurements. Nothing here is a test: a machine that is busy is slow, not wrong."""
