"""Command machines: what became of one thing the workflow asked for, one kind per file.

A machine follows its command through history (issued, recorded, resolved) and wakes the coroutine that waits
for it. They are a family of their own and have nothing to do with the actors.
"""
