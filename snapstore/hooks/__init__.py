"""Hooks: telling an application that its database is about to be restored, or has been.

hook.py has what a hook is, hooks.py runs them around a restore; commands.py, requests.py and signals.py do one each.
"""
