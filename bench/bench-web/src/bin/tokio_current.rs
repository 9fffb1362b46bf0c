//! The same handler on tokio's current_thread runtime: one task per connection, no timers.
//!
//! Files are left out.

#[expect(
    dead_code,
    unused_imports,
    reason = "files, timers and totals are the example's alone"
)]
#[path = "../../../../crates/libwire/examples/web/http/mod.rs"]
mod http;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use clap::Parser;
use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use http::{Connection, HEAD_LIMIT, Handler, Input, Output, RESPONSE_MAX, Status, Step};

#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9090")]
    addr: SocketAddr,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    LocalSet::new().block_on(&runtime, serve(&options))
}

async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut stop = signal(SignalKind::terminate())?;
    let listener = std::net::TcpListener::bind(options.addr)?;
    listen(&listener, Backlog::MAXCONN)?;
    setsockopt(&listener, sockopt::TcpNoDelay, &true)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    println!("listening on http://{}", listener.local_addr()?);
    let handler = Rc::new(Handler::new());
    loop {
        tokio::select! {
            _ = stop.recv() => break,
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let handler = Rc::clone(&handler);
                // The client's errors are its own.
                tokio::task::spawn_local(async move { drop(talk(&handler, stream).await) });
            }
        }
    }
    println!("{} requests", handler.served());
    Ok(())
}

async fn talk(handler: &Handler, mut stream: TcpStream) -> io::Result<()> {
    let (mut memory, mut responses) = ([0; HEAD_LIMIT], [0; RESPONSE_MAX]);
    let mut input = Input::new(&mut memory);
    let mut out = Output::new(&mut responses);
    let mut connection = Connection::new();
    loop {
        let step = connection.step(handler, &mut input, &mut out);
        if !out.is_empty() {
            stream.write_all(out.data()).await?;
            out.sent(out.data().len());
        }
        match step {
            Step::Read(_) => match stream.read(input.spare()).await? {
                0 => return Ok(()),
                count => input.filled(count),
            },
            Step::Send => {}
            Step::File(request) => handler.refuse_file(&request, Status::NotFound, &mut out),
            Step::Close { .. } => return Ok(()),
        }
    }
}
