"""Prepared models: what `edgeai prepare` found to be the best way to run a model on this very device.

`choice` is such a way; the files that it needs lie in the store beside the record of how it was found.
`edgeai.prepare` searches and makes them; `edgeai.opening` finds and uses them.
"""
