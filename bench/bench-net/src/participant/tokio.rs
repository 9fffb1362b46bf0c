//! tokio's `current_thread` runtime.

use std::io;
use std::net::TcpListener;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::sleep;

use super::BUFFER;
use crate::done;
use crate::row::SLEEP;

pub(super) const CONFIGURATION: &str =
    "current_thread, a task for each connection by tokio::spawn; read and write_all";

pub(super) fn serve(listener: TcpListener, connections: usize) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let serve = async move {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut tasks = Vec::with_capacity(connections);
        for _ in 0..connections {
            let (stream, _) = listener.accept().await?;
            // What an error says is that the client went away, as it does in the end.
            tasks.push(tokio::spawn(async { drop(talk(stream).await) }));
        }
        for task in tasks {
            task.await?;
        }
        Ok(())
    };
    runtime.block_on(async { tokio::spawn(serve).await? })
}

async fn talk(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        done::note();
        stream.write_all(&buffer[..count]).await?;
    }
}

pub(super) fn sleeps(sleepers: usize) {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let sleeps = async || {
            while !done::is_all() {
                sleep(SLEEP).await;
                done::note();
            }
        };
        let tasks: Vec<_> = (0..sleepers).map(|_| tokio::spawn(sleeps())).collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}
