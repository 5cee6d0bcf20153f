"""What a run leaves for people: a recording, and a page that shows it."""
