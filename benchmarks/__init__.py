"""Speed and memory of the product, measured beside its peers. `make bench`, or `python benchmarks/run.py`."""
