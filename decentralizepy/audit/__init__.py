"""What an observer learns of its neighbors from the messages that it recorded."""
