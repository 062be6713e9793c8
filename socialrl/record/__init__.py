"""What a run leaves behind: files that are whole or absent."""
