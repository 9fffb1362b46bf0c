//! Pools of wires with their stacks.
