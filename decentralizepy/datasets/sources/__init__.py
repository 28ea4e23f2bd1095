"""Where data sets come from, and how they are downloaded and verified."""
