"""`edgeai bench --on ssh://board`: the same measurement on other machines, brought together here."""
