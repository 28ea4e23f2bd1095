"""What nodes measured: written round by round, and read back as tables."""
