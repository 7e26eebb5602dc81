"""The audit log: who did what, when and from where, in a chain of hashes that tells when it was touched."""
