"""Speed of wvtoken, compared with alternatives in the same run. `python -m benchmarks` writes the report."""
