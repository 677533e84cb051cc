"""What is watched, written and drawn while a model trains."""
