"""Measuring on the device, once: statistics, the timing loop, worker processes, RAM and conditions.

The bench, and later prepare and serve, all use these; numpy is loaded only by the files that need it.
"""
