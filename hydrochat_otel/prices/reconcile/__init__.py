"""Compares what was metered with Google's bill."""
