"""Charts as plain SVG that fits any width: places across are shares of the width, letters keep their size."""
