//! Rendezvous channels between wires.
