"""The durable store of sealed objects on a box."""
