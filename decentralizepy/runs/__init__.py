"""One machine's part of an experiment, and the checks before it starts.

Called, as ``decentralizepy.run("config.ini")``, it is
:func:`decentralizepy.library.calls.run`.
"""
