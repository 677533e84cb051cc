"""Recordings completed: missing leads made, gaps filled, prolonged to any length."""
