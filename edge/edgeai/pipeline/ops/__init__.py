"""Steps as a manifest names them: thin adapters from the pipeline's values to the functions in `steps`."""
