//! Cooperative threads: control blocks, the per-thread FIFO scheduler, blocking, joining, cancelling, scopes.
