"""Messages between objects, clients and workers, one module per receiver. Records only, no behaviour."""
