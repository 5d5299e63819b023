"""The search behind `edgeai prepare`: ways to run a model on this device, tried, measured and held together.

Every candidate runs in a process of its own; the best is kept in the store as a prepared model.
"""
