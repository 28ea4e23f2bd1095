"""The subcommands of ``decentralizepy``, one file per command."""
