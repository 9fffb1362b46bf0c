//! User-space cooperative threads and channels: the facade over the wire crates.
