"""Many runs of one INI file: the points of a grid, how many at once, what became of them."""
