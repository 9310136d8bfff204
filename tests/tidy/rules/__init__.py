"""The rules of the house, one per file. A rule is a function from sources to a list of findings, each one
line: `path:line: what is wrong; what to do instead`. Rules read text and syntax trees, they never import the
product (the exception, public docstrings, says so)."""
