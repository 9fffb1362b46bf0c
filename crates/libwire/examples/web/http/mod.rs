//! The server's side of HTTP/1.1 without a socket: bytes go in, bytes and decisions come out.
//!
//! Nothing here waits, so the same code serves the wire example and the peers it is measured
//! beside, an async runtime and a plain epoll loop, and every rule is tested without a network.
//! Nothing here allocates: requests are parsed where they were read, responses are written into a
//! buffer of the caller's.
//!
//! ```text
//!   socket ─► Input ─► Connection::step ─► Output ─► socket
//!                        │        ▲
//!            RequestHead ▼        │ Action
//!                      Handler::respond
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | `buffer` | the two byte buffers of a connection |
//! | `request` | one request head: method, target, framing, persistence |
//! | `body` | where a request's body ends (it is skipped; nothing here wants one) |
//! | `response` | statuses, heads, dates |
//! | `path` | from a request's target to a file's name that stays below its root |
//! | `handler` | what is served: a page and files |
//! | `connection` | the order of things on one connection |

mod body;
mod buffer;
mod connection;
mod handler;
mod path;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub(crate) use buffer::{Input, Output};
pub(crate) use connection::{Connection, Patience, Step};
pub(crate) use handler::{FileRequest, Handler};
pub(crate) use path::PATH_MAX;
pub(crate) use response::{RESPONSE_MAX, Status};

/// A request's head may have this many bytes: what most servers allow.
pub(crate) const HEAD_LIMIT: usize = 8 * 1024;
