"""One study per file, as data: what to run, and what the paper claims."""
