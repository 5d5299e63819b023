"""What is wrong with this board for inference: one check family a file, one visible table."""
