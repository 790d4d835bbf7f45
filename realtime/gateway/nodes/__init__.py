"""Makes several gateways one, by a Redis that they share. One gateway among them is a node.

All keys are in one slot, so one Lua script changes whatever it has to, in one server, at one moment.
"""
