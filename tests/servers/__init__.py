"""Helpers of the tests that run the recipes of serving.md."""
