"""The façade: every verb as a method, with store, project, policy and deadline bound once."""
