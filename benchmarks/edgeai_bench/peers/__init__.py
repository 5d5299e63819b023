"""Other ways to run a model, as one writes them by hand, measured beside edgeai: `make peers`."""
