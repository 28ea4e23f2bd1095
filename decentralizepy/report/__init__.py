"""The HTML page that shows finished runs: what is on it, and how it is drawn."""
