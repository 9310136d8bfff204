"""The HTTP API: its operations as one table, the handler that serves them over any host, and their OpenAPI
description. Runs in Pyodide too. Must not import: a host, a server, a client."""
