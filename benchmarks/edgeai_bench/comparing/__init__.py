"""Two programs held against each other: saved documents, or both alive and in turns; and gates."""
