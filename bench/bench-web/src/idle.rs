//! What an idle keep-alive connection costs in memory.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use std::os::fd::AsRawFd;

use crate::server::Server;
use crate::{Options, Outcome};

const LIMIT: u64 = 12 * 1024;
/// From one source address; another 127.x serves the next ones.
const PER_ADDRESS: usize = 4000;

pub(crate) fn section(options: &Options, failures: &mut Vec<String>) -> Outcome<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let count = options.idle;
    if hard < count as u64 + 100 {
        return Err(format!(
            "{count} connections need as many open files; the hard limit is {hard}"
        )
        .into());
    }
    let server = Server::start(&options.server, &["--idle-timeout-ms", "600000"])?;
    // The first ones bring in what is set up once.
    let mut connections = Vec::with_capacity(count + 10);
    for _ in 0..10 {
        connections.push(ask(server.addr, 0)?);
    }
    let before = server.resident()?;
    for index in 0..count {
        connections.push(ask(server.addr, index / PER_ADDRESS)?);
    }
    let each = (server.resident()? - before) / count as u64;
    println!("\n{count} idle keep-alive connections: {each} bytes resident each");
    if each > LIMIT {
        failures.push(format!(
            "{each} bytes for an idle connection, at most {LIMIT}"
        ));
    }
    drop(connections);
    server.stop().map(drop)
}

/// Opens a connection and has one request answered on it.
fn ask(addr: SocketAddr, source: usize) -> Outcome<TcpStream> {
    let SocketAddr::V4(v4) = addr else {
        return Err("an IPv4 server was expected".into());
    };
    let fd = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let from = Ipv4Addr::new(127, 0, 0, 1 + u8::try_from(source)?);
    bind(
        fd.as_raw_fd(),
        &SockaddrIn::from(std::net::SocketAddrV4::new(from, 0)),
    )?;
    connect(fd.as_raw_fd(), &SockaddrIn::from(v4))?;
    let mut stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {addr}\r\n\r\n").as_bytes())?;
    let mut answer = [0; 16 * 1024];
    let mut length = 0;
    loop {
        length += match stream.read(&mut answer[length..])? {
            0 => return Err("the server closed an idle connection".into()),
            count => count,
        };
        if complete(&answer[..length]) {
            return Ok(stream);
        }
    }
}

fn complete(answer: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(answer) else {
        return false;
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= head + length)
}
