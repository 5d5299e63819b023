"""What runs between a source and an answer: the steps and models of a bundle's pipeline, in order."""
