"""The commands `edgeai export`, `parity` and `distill`: they parse options and print."""
