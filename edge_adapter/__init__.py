"""Every host that touches the real world: one sub-package per place the engine runs in.

They implement the port of ``runtime.host`` and never import each other, nor the simulator.
"""
