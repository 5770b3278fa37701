"""What every verb gives: frozen dataclasses whose attributes are the JSON keys, a module for each noun.

codec.py turns them into JSON and back. Nothing but the standard library is imported here, so that a client can have
results inside the process under test. This package imports none of its modules: a command pays for those it needs.
"""
