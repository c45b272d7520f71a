"""Chaos from a seed: real processes, every verb, faults in between, and a judge of what is left. See `__main__`."""
