"""What a user does; the only place where pipeline and model meet."""
