"""Writing and reading results files."""
