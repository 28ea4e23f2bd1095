"""What finished runs look like: the style of every figure, and one file per figure."""
