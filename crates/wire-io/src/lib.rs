//! Blocking calls that block only the wire that asked.
