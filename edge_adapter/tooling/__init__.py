"""The laptop side of Cloudflare: set-up of the local platform, project files, bundle, checks, deploy.

Must not import: another adapter."""
