//! Fair locks and semaphores between wires.
