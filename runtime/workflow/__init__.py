"""The workflow side: it turns workflow tasks into commands by running the user's coroutine.

Owns the context that workflow code sees, the command machines, replay and its reports, and the inline
executor. Knows no actor and no host: a workflow task comes in, a completion or a failure goes out.
"""
