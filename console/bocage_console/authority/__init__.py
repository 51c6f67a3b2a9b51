"""The certification authority of one console: who may speak to broker and gate."""
