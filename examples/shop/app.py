"""The application: one namespace, where all definitions meet. It holds no connection."""

from temporal_do.runtime import Temporal

temporal = Temporal(namespace="shop", task_queue="shop")
