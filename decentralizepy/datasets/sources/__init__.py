"""Where data sets come from, and how they are fetched and checked."""
