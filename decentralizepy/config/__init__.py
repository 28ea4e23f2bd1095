"""From an INI file and flags to sections of typed, checked values."""
