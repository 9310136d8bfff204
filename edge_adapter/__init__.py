"""Every host that touches the real world: one sub-package per place the engine runs in.

They implement the port of ``runtime.host`` and never import each other, nor the simulator. What parts
that run on one machine have in common, and neither owns, is a module beside them.
"""
