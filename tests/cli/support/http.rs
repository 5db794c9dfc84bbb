//! How does a test ask over HTTP? One request, one connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request or an answer: first line, headers, body.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Reads one message: its first line, headers, and as much body as they announce.
pub fn read_message(stream: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>, Vec<u8>)> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, v)| v.parse().ok());
    let has_no_body = !first.starts_with("HTTP/") || [" 204", " 304"].iter().any(|s| first.contains(s));
    let mut body = Vec::new();
    match length {
        Some(length) => drop(stream.take(length).read_to_end(&mut body)?),
        None if has_no_body => {}
        None => drop(stream.read_to_end(&mut body)?),
    }
    Ok((first.trim_end().to_owned(), headers, body))
}

pub fn try_ask(root: &str, request: &Request) -> io::Result<Answer> {
    let address = root.trim_start_matches("http://");
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(100)))?;
    let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", request.method, request.path);
    if request.header("host").is_none() {
        head += &format!("Host: {address}\r\n");
    }
    for (name, value) in &request.headers {
        if !["connection", "content-length", "accept-encoding"].contains(&name.to_lowercase().as_str()) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head += &format!("Content-Length: {}\r\n\r\n{}", request.body.len(), request.body);
    (&stream).write_all(head.as_bytes())?;
    let (first, headers, body) = read_message(&mut BufReader::new(&stream))?;
    let status = first.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

pub fn ask(root: &str, method: &str, path: &str, body: &str) -> Answer {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let request = Request { method: method.to_owned(), path: path.to_owned(), headers, body: body.to_owned() };
    try_ask(root, &request).unwrap_or_else(|e| panic!("{method} {path}: {e}"))
}
