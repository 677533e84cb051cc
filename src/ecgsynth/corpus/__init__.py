"""Corpora: plans of many items, made as independent shards on one machine or on a cluster."""
