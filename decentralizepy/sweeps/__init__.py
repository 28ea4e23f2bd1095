"""Many runs of one INI file: the points of a grid, how many at once, what became of them.

Called, as ``decentralizepy.sweep("config.ini", seeds=[1, 2])``, it is
:func:`decentralizepy.library.calls.sweep`.
"""
