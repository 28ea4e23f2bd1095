"""Pictures of what a sharing chose and sent, and of the tables of many runs."""
