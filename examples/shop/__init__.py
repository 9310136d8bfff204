"""A small shop: orders, onboarding, approvals and a nightly report. Start reading in `workflows`."""
