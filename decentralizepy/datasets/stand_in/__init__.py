"""Generated data in the formats of data sets that cannot be had; they can be learned."""
