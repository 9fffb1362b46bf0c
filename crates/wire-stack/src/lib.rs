//! Guarded stacks for wires: mapped arenas, static stacks, the overflow detector.
