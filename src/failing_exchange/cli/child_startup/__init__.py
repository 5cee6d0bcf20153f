"""What `serve -- COMMAND` puts before the modules of a Python program, to lead it to the venue."""
