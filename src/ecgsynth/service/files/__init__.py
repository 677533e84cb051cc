"""What requests put on the disk."""
