"""The bench: `edgeai bench` and the reports it writes. Measuring itself lives in `edgeai.measure`."""
