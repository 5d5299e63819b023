"""Ways to show reports; one file each."""
