//! Switching between two stacks, and nothing else.
