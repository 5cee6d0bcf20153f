"""The folder that `serve -- COMMAND` puts on the PYTHONPATH of a Python program."""
