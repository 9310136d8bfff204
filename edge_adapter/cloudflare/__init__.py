"""The Cloudflare host: Durable Object classes, queues, R2 and cron over the engine. Runs in Pyodide.

Must not import: another adapter (the API's table aside), anything that is not pure Python."""
