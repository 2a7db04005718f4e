"""How fast it is, beside what one would write or install otherwise. `python -m benchmarks` runs everything."""
